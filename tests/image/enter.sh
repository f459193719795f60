#!/bin/sh
# enter.sh ROOT USER FOLDER PROGRAM…: becomes the first process of a container. It is started in namespaces of its own.
#
# As `docker run --read-only --tmpfs /tmp --tmpfs /var/lib/parley --cap-drop ALL --network host` would.
set -eu
root=$1 user=$2 folder=$3
shift 3

mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -t tmpfs -o "mode=0700,uid=${user%:*},gid=${user#*:}" data "$root/var/lib/parley"
mount -t tmpfs -o mode=0755 dev "$root/dev"
mkdir -m 1777 "$root/dev/shm"
for name in null zero random urandom; do
  touch "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done

exec /usr/sbin/chroot "$root" setpriv --reuid "${user%:*}" --regid "${user#*:}" --clear-groups --no-new-privs \
  --bounding-set=-all --inh-caps=-all env --chdir="$folder" "$@"
