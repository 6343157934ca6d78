#!/usr/bin/env bash
# Installs a Debian package of Sightline in a fresh Debian of this release, boots it with systemd, and uses the service as an operator
# does: starts it, finds a picture of the demo, changes a setting, upgrades, removes and purges.
#
#   tests/package/test_package.sh [PACKAGE.deb]
#
#   PACKAGE.deb   default: the one that scripts/package.sh has built
#
# BASE=FOLDER names a fresh Debian with systemd and dbus that is copied instead of made by debootstrap.
# Needs root, debootstrap, systemd-nspawn (Debian's package systemd-container), Debian's mirror and 2 GB of disk; takes some minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

case ${1:-} in -h|--help) sed -n '2,/^set -/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0 ;; esac
fail() { printf 'FAIL: %s\n' "$*" >&2; exit 1; }
step() { printf '== %s\n' "$*"; }
package=$(realpath "${1:-$(ls build/release/package/*.deb)}")
[ "$(id -u)" = 0 ] || fail "run this as root"
for tool in debootstrap dpkg-deb systemd-nspawn; do command -v "$tool" >/dev/null || fail "$tool is missing"; done

work=$(mktemp -d "${TMPDIR:-/tmp}/sightline-package.XXXXXX")
chmod 755 "$work"
trap 'rm -rf --one-file-system "$work"' EXIT
system=$work/system
# Only its root folder; `--boot` starts systemd in it.
container() { systemd-nspawn --quiet --directory "$system" --register=no --keep-unit --machine "sightline-$$" "$@"; }

step "a fresh Debian"
if [ -n "${BASE:-}" ]; then
  cp -a "$BASE" "$system"
else
  codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
  mirror=$(awk '/^URIs/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
  debootstrap --variant=minbase --include=systemd,dbus "$codename" "$system" ${mirror:+"$mirror"} >"$work/log" 2>&1 || { tail -5 "$work/log" >&2; fail "debootstrap"; }
fi

step "installation"
cp "$package" "$system/root/sightline.deb"
container --pipe --resolv-conf=copy-host --setenv=DEBIAN_FRONTEND=noninteractive sh -ec '
  apt-get update -q; apt-get install -y -q --no-install-recommends /root/sightline.deb' </dev/null >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; fail "apt-get install"; }
grep -q 'systemctl start sightline' "$work/log" || fail "the installation does not say how to start the service"
# The next version, for the upgrade.
dpkg-deb -R "$package" "$work/next"
sed -i 's/^Version: .*/&+next/' "$work/next/DEBIAN/control"
dpkg-deb -Zgzip -z1 -b "$work/next" "$system/root/next.deb" >/dev/null

cat >"$system/root/session.sh" <<'SESSION'
#!/bin/bash
set -euo pipefail
fail() { printf 'FAIL: %s\n' "$*"; systemctl status --no-pager -l sightline sightline-demo || true; journalctl --no-pager -n 60 || true; exit 1; }
step() { printf '== %s\n' "$*"; }
search() { sightline-search --env-file /dev/null --size 1 "$@"; }
picture=/usr/share/sightline/demo/pictures/000003.jpg
active() { for _ in $(seq 100); do [ "$(systemctl is-active sightline)" != active ] || return 0; sleep 0.3; done; fail "the service is not active"; }

step "what the installation has set up"
[ "$(stat -c '%U:%G %a' /etc/sightline/sightline.env)" = "root:sightline 640" ] || fail "permissions of sightline.env"
[ "$(stat -c '%U:%G %a' /etc/sightline)" = "root:sightline 750" ] || fail "permissions of /etc/sightline"
[ "$(systemctl is-enabled sightline sightline-demo | uniq)" = enabled ] || fail "the services are not enabled"
dpkg --verify sightline
for program in sightline-server sightline-ingest sightline-eval; do "$program" --version; done
systemd-analyze verify --man=no sightline.service sightline-demo.service || fail "systemd-analyze verify"
systemd-analyze security sightline.service --no-pager | tail -1

step "the service is ready when systemctl start returns"
systemctl start sightline || fail "start"
[ "$(curl -q -sS -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/health/ready)" = 200 ] || fail "not ready"
systemctl show -p StatusText sightline
[ "$(systemctl show -P StatusText sightline)" = "ready at http://127.0.0.1:8080" ] || fail "the status"
[ "$(stat -c %U "/proc/$(systemctl show -P MainPID sightline)")" = sightline ] || fail "the user"

step "the demo is loaded, and found"
systemctl start sightline-demo || fail "the demo"
curl -q -fsS -H 'Accept: text/html' http://127.0.0.1:8080/ | grep '<title>Sightline</title>' >/dev/null || fail "the page"
search "$picture" | grep 000003.jpg || fail "the picture is not found"
search --index jina-images a red house
systemctl start sightline-demo && journalctl --no-pager -u sightline-demo | grep 'nothing to load' >/dev/null || fail "the demo is loaded twice"
journalctl --no-pager -u sightline | grep 'POST /v1/embeddings 200' >/dev/null || fail "the log is not in the journal"
[ "$(stat -c '%U %a' /var/lib/sightline)" = "sightline 700" ] || fail "permissions of the data"

step "reload, and a restart after a crash"
systemctl reload sightline
before=$(systemctl show -P MainPID sightline)
kill -KILL "$before"
until [ "$(systemctl show -P NRestarts sightline)" = 1 ]; do sleep 0.2; done
active
[ "$(systemctl show -P MainPID sightline)" != "$before" ] || fail "no new process"
search "$picture" | grep 000003.jpg >/dev/null || fail "the documents after a crash"

step "an upgrade keeps settings and documents, and restarts the service"
echo 'SIGHTLINE_LOG_FORMAT=json' >>/etc/sightline/sightline.env
before=$(systemctl show -P MainPID sightline)
dpkg -i --force-confold /root/next.deb >/dev/null || fail "the upgrade"
active
[[ $(dpkg-query -W -f '${Version}' sightline) = *+next ]] || fail "the version"
[ "$(systemctl show -P MainPID sightline)" != "$before" ] || fail "not restarted"
search "$picture" | grep 000003.jpg >/dev/null || fail "the documents after the upgrade"
journalctl --no-pager -u sightline -n 20 -o cat | grep '"level":"info"' >/dev/null || fail "the changed setting has no effect"

step "an orderly stop"
systemctl stop sightline
[ "$(systemctl show -P Result sightline) $(systemctl show -P ExecMainStatus sightline)" = "success 0" ] || fail "the stop"

step "wrong settings are reported and not retried"
echo 'SIGHTLINE_PORT=none' >>/etc/sightline/sightline.env
! systemctl start sightline 2>/dev/null || fail "started with wrong settings"
[ "$(systemctl show -P ActiveState sightline)" = failed ] || fail "retried"
journalctl --no-pager -u sightline -n 20 | grep -- '--port' >/dev/null || fail "the reason is not in the journal"
sed -i '/SIGHTLINE_PORT=none/d' /etc/sightline/sightline.env
systemctl reset-failed sightline && systemctl start sightline

step "a removal keeps settings and documents, a purge only documents"
DEBIAN_FRONTEND=noninteractive apt-get remove -y -q sightline >/root/log 2>&1 || { cat /root/log; fail "the removal"; }
[ "$(systemctl is-active sightline)" != active ] || fail "the service still runs"
[ ! -e /usr/bin/sightline-server ] && [ ! -e /usr/share/sightline ] || fail "files are left"
[ -e /etc/sightline/sightline.env ] && [ -n "$(ls /var/lib/sightline)" ] || fail "settings or documents are gone"
touch /etc/sightline/api-keys
dpkg --purge sightline >/root/log 2>&1 || { cat /root/log; fail "the purge"; }
grep -q 'documents in /var/lib/sightline are kept' /root/log || fail "the purge does not say where the documents are"
[ ! -e /etc/sightline ] || fail "the purge has kept settings"
[ -n "$(ls /var/lib/sightline)" ] || fail "the purge has deleted documents"
echo "package: all steps passed"
SESSION
chmod +x "$system/root/session.sh"
cat >"$system/etc/systemd/system/session.service" <<'UNIT'
[Unit]
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/root/session.sh
StandardOutput=file:/root/session.log
StandardError=inherit
TimeoutStartSec=15min
[Install]
WantedBy=multi-user.target
UNIT
ln -s ../session.service "$system/etc/systemd/system/multi-user.target.wants/"
step "boot, without a network but loopback"
timeout 1200 systemd-nspawn --quiet --directory "$system" --register=no --keep-unit --machine "sightline-$$" --private-network --boot >"$work/boot.log" 2>&1 </dev/null || true
cat "$system/root/session.log" || { tail -20 "$work/boot.log" >&2; fail "the fresh Debian did not boot"; }
tail -1 "$system/root/session.log" | grep -qx 'package: all steps passed' || fail "see above"
