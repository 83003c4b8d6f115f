#!/bin/sh
# systemd-harness.sh: boot a real, throw-away systemd (PID 1 of its own
# namespaces) on a machine whose PID 1 may be anything, run units in it, and
# take it down again without a trace.
#
#   systemd-harness.sh supported                 exit 0, or 77 and the reason
#   systemd-harness.sh boot                      prints DIR, the instance's handle
#   systemd-harness.sh install DIR UNIT-FILE...  copy units in, daemon-reload
#   systemd-harness.sh exec DIR COMMAND...       run a command inside (systemctl,
#                                                journalctl, systemd-run, ...)
#   systemd-harness.sh halt DIR                  orderly poweroff, then clean up
#
# Needs: Linux, root, systemd's own package, util-linux >= 2.36, a cgroup2 mount
# (hybrid or unified), overlayfs. Nothing is written outside DIR and the
# instance's own cgroup.
#
# Inside: / is a copy-on-write view of the host's root file system (changes are
# lost at halt), with a fresh /tmp, /run, /dev; no enabled host service is
# started. The network is the host's, so 127.0.0.1:PORT reaches a Redis started
# by the test. DIR/share is the same folder inside and outside (use it for
# files which both sides read; it lies under /run, not /tmp, for a service with
# PrivateTmp= or DynamicUser= does not see /tmp). SDH_BIND="PATH=INSIDE ..."
# shares further paths, which must not have spaces.
# SDH_NET=private gives the instance its own, empty network namespace.
# SDH_OWNER=PID halts the instance by itself when that process is gone.
set -eu

say() { printf '%s\n' "systemd-harness: $*" >&2; }
die() { say "$*"; exit 1; }

systemd_bin() {
  for f in /usr/lib/systemd/systemd /lib/systemd/systemd; do
    [ -x "$f" ] && { echo "$f"; return 0; }
  done
  return 1
}

cgroup2_mount() { awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts; }

supported() {
  why=
  [ "$(uname -s)" = Linux ] || why='not Linux'
  [ -n "$why" ] || [ "$(id -u)" = 0 ] || why='not root'
  for c in unshare nsenter setpriv pivot_root systemctl journalctl; do
    [ -n "$why" ] || command -v $c >/dev/null 2>&1 || why="no $c"
  done
  [ -n "$why" ] || systemd_bin >/dev/null || why='no systemd'
  [ -n "$why" ] || grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || why='no overlayfs'
  [ -n "$why" ] || [ -n "$(cgroup2_mount)" ] || why='no cgroup2 mount'
  [ -n "$why" ] || [ -w "$(cgroup2_mount)" ] || why='cgroup2 is read-only'
  [ -n "$why" ] || unshare --mount --pid --cgroup --fork true 2>/dev/null || why='no right to make namespaces'
  [ -n "$why" ] || may_mount || why='no right to mount an overlay of /'
  [ -n "$why" ] || may_group || why='no right to make control groups'
  [ -z "$why" ] || { say "skip: $why"; return 77; }
}

may_mount() {
  unshare --mount sh -ec 'mount --make-rprivate /; mount -t tmpfs sdh /mnt; mkdir /mnt/u /mnt/w /mnt/r
    mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r; mount -t proc proc /mnt/r/proc' 2>/dev/null
}

may_group() {
  g=$(cgroup2_mount)/sdh.probe.$$
  mkdir "$g" 2>/dev/null || return 1
  sh -c 'echo 0 > "$1/cgroup.procs"' sh "$g" 2>/dev/null; rc=$?
  rmdir "$g"
  return $rc
}

# --- the inside: three stages, each one an exec of this file -------------------

# 1: in the new mount + pid namespace, still in the host's cgroup namespace
stage1() {
  # join the payload group, which then becomes the root of the cgroup namespace
  echo 0 > "$SDH_CG/payload/cgroup.procs"
  exec unshare --cgroup -- sh "$SDH_SELF" __stage2
}

# 2: build the root and start systemd
stage2() {
  cd "$SDH_DIR"
  mount --make-rprivate /
  mount -t tmpfs -o mode=755 sdh-root root
  mkdir root/upper root/work root/fs
  mount -t overlay overlay -o "lowerdir=/,upperdir=$SDH_DIR/root/upper,workdir=$SDH_DIR/root/work" root/fs
  N=$SDH_DIR/root/fs

  mount -t proc -o nosuid,nodev,noexec proc "$N/proc"
  for p in sys sysrq-trigger irq bus fs; do
    if [ -e "$N/proc/$p" ]; then
      mount --bind "$N/proc/$p" "$N/proc/$p"
      mount -o remount,bind,ro,nosuid,nodev,noexec "$N/proc/$p"
    fi
  done
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$N/sys"   # read-only: keeps udev & co. away
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$N/sys/fs/cgroup"

  mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$N/run"
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$N/tmp"
  mount -t tmpfs -o mode=755,nosuid dev "$N/dev"
  for d in null zero full random urandom tty; do
    : > "$N/dev/$d"; mount --bind "/dev/$d" "$N/dev/$d"
  done
  mkdir "$N/dev/pts" "$N/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5,nosuid,noexec devpts "$N/dev/pts"
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$N/dev/shm"
  ln -s pts/ptmx "$N/dev/ptmx"; ln -s /proc/self/fd "$N/dev/fd"
  ln -s fd/0 "$N/dev/stdin"; ln -s fd/1 "$N/dev/stdout"; ln -s fd/2 "$N/dev/stderr"

  for p in "$SDH_DIR/share=$SDH_DIR/share" ${SDH_BIND:-}; do
    from=${p%%=*}; to=${p#*=}
    if [ -d "$from" ]; then mkdir -p "$N$to"; else mkdir -p "$N${to%/*}"; : >> "$N$to"; fi
    mount --bind "$from" "$N$to"
  done

  # none of the host's own services, mounts and timers; only what units need
  rm -rf "$N/etc/systemd/system"; mkdir -p "$N/etc/systemd/system" "$N/run/systemd/system"
  : > "$N/etc/fstab"; : > "$N/etc/crypttab"
  for w in "$N"/usr/lib/systemd/system/*.wants/* "$N"/lib/systemd/system/*.wants/*; do
    u=${w##*/}
    case $u in
      systemd-journald*|dbus.socket|dbus.service|dbus-broker.service|*'*') ;;
      *) ln -sf /dev/null "$N/run/systemd/system/$u" ;;
    esac
  done
  mkdir -p "$N/run/systemd/journald.conf.d" "$N/run/systemd/system.conf.d" "$N/etc/systemd/system-generators"
  for g in "$N"/usr/lib/systemd/system-generators/* "$N"/lib/systemd/system-generators/*; do
    [ -e "$g" ] && ln -sf /dev/null "$N/etc/systemd/system-generators/${g##*/}"
  done
  printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\nForwardToSyslog=no\nForwardToWall=no\nReadKMsg=no\nAudit=no\n' \
    > "$N/run/systemd/journald.conf.d/harness.conf"
  printf '[Manager]\nDefaultTimeoutStopSec=10s\nStatusUnitFormat=name\n' > "$N/run/systemd/system.conf.d/harness.conf"
  printf '[Unit]\nDescription=systemd-harness\nRequires=sysinit.target basic.target\nAfter=sysinit.target basic.target\nAllowIsolate=yes\n' \
    > "$N/run/systemd/system/harness.target"

  cd "$N"; mkdir -p .oldroot; pivot_root . .oldroot; cd /
  umount -l /.oldroot; rmdir /.oldroot 2>/dev/null || true
  mount --make-rshared /   # as a real boot has it; LoadCredential= depends on it
  exec setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio,-syslog,-mac_admin,-mac_override,-wake_alarm,-block_suspend \
    env -i container=sdh PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 \
    "$(systemd_bin)" --system --unit=harness.target --show-status=0
}

# --- the outside ---------------------------------------------------------------

boot() {
  supported || exit $?
  dir=$(mktemp -d "${SDH_BASE:-/run}/sdh.XXXXXX"); chmod 755 "$dir"
  cg=$(cgroup2_mount)/${dir##*/}
  mkdir "$dir/root" "$dir/share" "$cg" "$cg/supervisor"
  chmod 755 "$dir/share"
  # hand down what controllers there are (none on a hybrid host: then MemoryMax=
  # and the like are accepted but not enforced)
  for c in $(cat "$cg/cgroup.controllers"); do echo "+$c" > "$cg/cgroup.subtree_control" 2>/dev/null || true; done
  mkdir "$cg/payload"
  printf '%s\n' "$cg" > "$dir/cgroup"
  trap 'cleanup "$dir"; exit 130' INT TERM HUP
  net=; [ "${SDH_NET:-host}" = private ] && net=--net
  export SDH_DIR="$dir" SDH_CG="$cg" SDH_SELF SDH_BIND="${SDH_BIND:-}"
  setsid sh -c 'echo 0 > "$SDH_CG/supervisor/cgroup.procs"
    exec unshare --mount --pid --fork --kill-child --uts --ipc '"$net"' -- sh "$SDH_SELF" __stage1' \
    < /dev/null > "$dir/log" 2>&1 &
  i=0
  while :; do
    leader=$(leader_pid "$dir")
    if [ -n "$leader" ]; then
      state=$(inside "$leader" systemctl is-system-running 2>/dev/null || true)
      case $state in running|degraded) break ;; esac
    fi
    i=$((i + 1))
    [ $i -lt 300 ] || { say "no boot within 30 s (state: ${state:-none})"; cat "$dir/log" >&2; cleanup "$dir"; exit 1; }
    [ $i -lt 20 ] || [ -n "$(cat "$cg/supervisor/cgroup.procs")" ] || { say 'died while booting'; cat "$dir/log" >&2; cleanup "$dir"; exit 1; }
    sleep 0.1
  done
  if [ -n "${SDH_OWNER:-}" ]; then   # halt by itself once that process is gone
    ( trap '' HUP; while kill -0 "$SDH_OWNER" 2>/dev/null && [ -d "$dir" ]; do sleep 1; done
      [ ! -d "$dir" ] || halt "$dir" ) < /dev/null > /dev/null 2>&1 &
  fi
  [ "$state" = running ] || inside "$leader" systemctl --failed --no-pager --plain >&2 || true
  trap - INT TERM HUP
  printf '%s\n' "$dir"
}

# The instance's PID 1 as the host sees it: the process of the payload whose
# number in its innermost pid namespace is 1. (Asked of the kernel every time: a
# pid kept in a file could by now be somebody else's.)
leader_pid() {
  cgd=$(cat "$1/cgroup" 2>/dev/null) || return 0
  for p in $(cat "$cgd/payload/init.scope/cgroup.procs" "$cgd/payload/cgroup.procs" 2>/dev/null); do
    [ "$p" != 0 ] && [ "$(awk '/^NSpid:/ { print $NF }' "/proc/$p/status" 2>/dev/null)" = 1 ] &&
      [ "$(cat "/proc/$p/comm" 2>/dev/null)" = systemd ] && { echo "$p"; return 0; }
  done
  return 0
}

inside() {
  l=$1; shift
  n=; [ "$(readlink "/proc/$l/ns/net")" = "$(readlink /proc/self/ns/net)" ] || n=--net
  nsenter -t "$l" --mount --pid --cgroup --uts --ipc $n -- "$@"
}

enter() {
  d=$1; shift
  l=$(leader_pid "$d"); [ -n "$l" ] || die "no running instance at $d"
  inside "$l" "$@"
}

install_units() {
  d=$1; shift
  for f in "$@"; do
    enter "$d" sh -c 'cat > "/etc/systemd/system/$1"' sh "${f##*/}" < "$f"
  done
  enter "$d" systemctl daemon-reload
}

cleanup() {
  cgd=$(cat "$1/cgroup" 2>/dev/null) || return 0
  if [ -d "$cgd" ]; then
    [ -e "$cgd/cgroup.kill" ] && echo 1 > "$cgd/cgroup.kill"
    i=0
    while [ $i -lt 100 ]; do
      find "$cgd" -depth -type d -exec rmdir {} \; 2>/dev/null || true
      [ -d "$cgd" ] || break
      [ -e "$cgd/cgroup.kill" ] || for p in $(cat "$cgd/supervisor/cgroup.procs"); do kill -9 "$p" 2>/dev/null || true; done
      i=$((i + 1)); sleep 0.05
    done
  fi
  rm -rf --one-file-system "$1"
}

halt() {
  l=$(leader_pid "$1")
  if [ -n "$l" ]; then
    inside "$l" systemctl --no-block poweroff 2>/dev/null || kill -s RTMIN+4 "$l" 2>/dev/null || true
    i=0
    while [ $i -lt "${SDH_HALT_TENTHS:-300}" ] && [ -n "$(cat "$(cat "$1/cgroup")/supervisor/cgroup.procs" 2>/dev/null)" ]; do
      i=$((i + 1)); sleep 0.1
    done
  fi
  cleanup "$1"
}

SDH_SELF=$(readlink -f "$0")
case ${1:-} in
  __stage1) stage1 ;;
  __stage2) stage2 ;;
  supported) supported ;;
  boot) boot ;;
  install) shift; install_units "$@" ;;
  exec) shift; enter "$@" ;;
  halt) halt "$2" ;;
  *) sed -n '2,/^set -eu/{ s/^# \{0,1\}//p; }' "$0"; exit 64 ;;
esac
