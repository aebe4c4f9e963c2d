#!/bin/sh
# A shell script.
printf 'Content-Type: text/plain\n\n'
printf 'Hello from %s, you asked for %s.\n' "$SERVER_SOFTWARE" "$REQUEST_URI"
