#!/usr/bin/env perl
# A Perl script, without modules.
use strict;
use warnings;

print "Content-Type: text/plain\r\n\r\n";
print "Hello from Perl $^V.\n";

if (($ENV{REQUEST_METHOD} // '') eq 'POST') {
    read STDIN, my $body, $ENV{CONTENT_LENGTH} // 0;
    print "You sent ", length $body, " bytes.\n";
}
