#!/bin/sh
# Installs, on Debian and its relatives, the web servers and programs that the tests use.
# May be run again and again. Servers that it installs are not started, now or at boot: the tests
# start their own. Servers that were there before are left alone.
set -eu

packages="apache2 libapache2-mod-fcgid lighttpd nginx fcgiwrap spawn-fcgi php-cgi
  caddy h2o haproxy multiwatch libfcgi-bin systemd
  git gitweb perl libcgi-pm-perl python3 curl openssl"
services="apache2 lighttpd nginx fcgiwrap caddy h2o haproxy"

if ! command -v apt-get > /dev/null; then
  echo "There is no apt-get here. Install these, under the names your system has for them:" $packages >&2
  exit 1
fi

missing=""
for package in $packages; do
  if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" != installed ]; then
    missing="$missing $package"
  fi
done
if [ -z "$missing" ]; then
  echo "All there:" $packages
  exit 0
fi

as_root=""
if [ "$(id -u)" -ne 0 ]; then as_root="sudo"; fi

# Debian starts what it installs, unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" > /dev/null
  $as_root chmod 755 "$policy"
  trap '$as_root rm -f "$policy"' EXIT
fi

echo "Installing:$missing"
$as_root apt-get update -q
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing

for service in $services; do
  case "$missing " in
    *" $service "*) ;;
    *) continue ;;
  esac
  if [ -d /run/systemd/system ]; then
    $as_root systemctl disable --now "$service.service" > /dev/null 2>&1 || true
    $as_root systemctl disable --now "$service.socket" > /dev/null 2>&1 || true
  fi
  echo "Not started: $service"
done
echo "Installed:$missing"
