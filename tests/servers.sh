#!/usr/bin/env bash
# Throwaway database servers for the tests.
#
#   servers.sh start mariadb|mysql    starts one if it is not running and prints its URL
#   servers.sh stop  mariadb|mysql    stops it
#   servers.sh start|stop spider-head|spider-node1|spider-node2    likewise: a cluster of MariaDB servers
#   servers.sh prepare mariadb|mysql  makes a data folder that tests copy for servers of their own, and prints where it is
#   servers.sh browser                installs Chromium, which shows the documentation to the tests, where no browser is
#
# MariaDB is the distribution's package, installed if it is missing. MySQL itself is only in Debian's unstable suite: its
# packages are downloaded with apt settings of our own and unpacked into the cache folder, so the system keeps its own
# libraries; the server then runs on the loader and libraries that were unpacked with it.
#
# Everything lives in ${HEADWATER_CACHE:-~/.cache/headwater}/servers. root has no password and the servers listen on
# loopback only: nothing in them is worth keeping. HEADWATER_SERVER_FLAGS adds flags to the server's own.
set -euo pipefail

action="${1:-}"
kind="${2:-}"
home="${HEADWATER_CACHE:-$HOME/.cache/headwater}/servers/$kind"
data="$home/data"
unpacked="$home/unpacked"
socket="$home/server.sock"
pidfile="$home/server.pid"
log="$home/server.log"

say() { printf 'servers: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

running() { [ -f "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2>/dev/null; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo -n "$@"
  else return 1
  fi
}

# --- the browser

browser() {
  command -v chromium || command -v google-chrome || command -v chromium-browser && return
  say "installing chromium"
  as_root apt-get update -qq >&2 || fail "Chromium is not installed, and apt-get needs root"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >&2 || fail "chromium could not be installed"
  command -v chromium || fail "chromium was installed and is not there"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# What both servers are told. Nothing has to survive a crash, so nothing is flushed.
options() {
  printf '%s\n' --no-defaults --user="$(id -un)" --datadir="$data" --socket="$socket" --port="$1" \
    --bind-address=127.0.0.1 --pid-file="$pidfile" --tmpdir="$home" --local-infile=1 --skip-log-bin --performance-schema=OFF \
    --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync --innodb-buffer-pool-size=256M \
    ${HEADWATER_SERVER_FLAGS:-}
}

# --- MariaDB

mariadb_binary() { command -v mariadbd || { [ -x /usr/sbin/mariadbd ] && echo /usr/sbin/mariadbd; }; }

prepare_mariadb() {
  if ! mariadb_binary >/dev/null; then
    say "installing mariadb-server"
    as_root apt-get update -qq >&2 || fail "MariaDB is not installed, and apt-get needs root"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mariadb-server >&2 \
      || fail "mariadb-server could not be installed"
  fi
  [ -d "$data/mysql" ] && return
  say "creating MariaDB's data folder"
  rm -rf "$data"
  mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$data" \
    --auth-root-authentication-method=normal --skip-test-db >"$home/init.log" 2>&1 \
    || fail "mariadb-install-db failed, see $home/init.log"
}

run_mariadb() {
  mapfile -t flags < <(options "$1")
  exec "$(mariadb_binary)" "${flags[@]}"
}

# --- a MariaDB Spider cluster: a head with the engine, and data nodes without it

prepare_spider() {
  prepare_mariadb
  if [ "$kind" = spider-head ] && ! spider_plugin >/dev/null; then
    say "installing mariadb-plugin-spider"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mariadb-plugin-spider >&2 \
      || { as_root apt-get update -qq >&2 \
        && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mariadb-plugin-spider >&2; } \
      || fail "mariadb-plugin-spider could not be installed"
  fi
}

spider_plugin() { compgen -G '/usr/lib*/mysql/plugin/ha_spider.so'; }

run_spider() {
  mapfile -t flags < <(options "$1")
  flags+=(--innodb-buffer-pool-size=32M)
  if [ "$kind" = spider-head ]; then flags+=(--plugin-load-add=ha_spider); fi
  exec "$(mariadb_binary)" "${flags[@]}"
}

# --- MySQL

# The archive that this system's own apt uses: there is no other address in here.
debian_archive() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null \
    | grep -v '^ *#' | grep -oE 'https?://[^ ]+/debian/?([[:space:]]|$)' | head -1 | tr -d '[:space:]'
}

unpack_mysql() {
  local archive apt package
  [ -x "$unpacked/usr/sbin/mysqld" ] && return
  archive="$(debian_archive)" || true
  [ -n "$archive" ] || fail "no Debian archive among the apt sources: MySQL cannot be had here"
  say "downloading MySQL from Debian's unstable suite (about 50 MB)"
  apt="$home/apt"
  rm -rf "$apt" "$unpacked.part"
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/packages" "$unpacked.part"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s sid main\n' "$archive" >"$apt/sources.list"
  : >"$apt/status"
  cat >"$apt/apt.conf" <<CONF
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache::archives "$apt/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
APT::Sandbox::User "$(id -un)";
CONF
  APT_CONFIG="$apt/apt.conf" apt-get update -qq >&2 || fail "the unstable suite's package lists cannot be had"
  # The empty status file makes apt name every library that the server needs, libc included.
  APT_CONFIG="$apt/apt.conf" apt-get install -y --no-install-recommends --print-uris -qq mysql-server-core \
    | grep -oE "/[^/' ]+_[^/' ]+\.deb" | sed -E 's,^/,,; s,_.*,,; s,%2b,+,g' | sort -u >"$apt/names"
  [ -s "$apt/names" ] || fail "the unstable suite has no mysql-server-core for this machine"
  (cd "$apt/packages" && APT_CONFIG="$apt/apt.conf" xargs -a ../names apt-get download -qq >&2) \
    || fail "MySQL's packages could not be downloaded"
  for package in "$apt"/packages/*.deb; do dpkg-deb -x "$package" "$unpacked.part"; done
  rm -rf "$apt" "$unpacked"
  mv "$unpacked.part" "$unpacked"
}

mysqld() {
  local libraries loader share
  libraries="$(echo "$unpacked"/usr/lib/*-linux-gnu)"
  loader="$(find "$libraries" -maxdepth 1 -name 'ld-linux*.so.*' | head -1)"
  share="$unpacked/usr/share/mysql"
  mapfile -t flags < <(options "$1")
  shift
  exec "$loader" --library-path "$libraries:$unpacked/usr/lib/mysql/private" "$unpacked/usr/sbin/mysqld" "${flags[@]}" \
    --lc-messages-dir="$share" --character-sets-dir="$share/charsets" --plugin-dir="$unpacked/usr/lib/mysql/plugin" \
    --mysqlx=OFF --secure-file-priv= "$@"
}

prepare_mysql() {
  unpack_mysql
  [ -f "$data/ready" ] && return
  say "creating MySQL's data folder"
  rm -rf "$data"
  (mysqld 0 --initialize-insecure) >"$home/init.log" 2>&1 || fail "mysqld --initialize-insecure failed, see $home/init.log"
}

# MySQL 9.6 moved md5() and sha1() into a component. It stays installed: only the first start needs to ask for it.
run_mysql() {
  local first=()
  if [ ! -f "$data/ready" ]; then
    echo "install component 'file://component_classic_hashing';" >"$home/first.sql"
    first=(--init-file="$home/first.sql")
  fi
  mysqld "$1" "${first[@]}"
}

# --- both

# A server that outlives its starter must not hold the starter's pipes open: who reads them would wait for ever.
close_inherited() {
  local descriptor
  for descriptor in /proc/self/fd/*; do
    descriptor="${descriptor##*/}"
    if [ "$descriptor" -gt 2 ] && [ "$descriptor" -ne 255 ]; then eval "exec $descriptor>&-"; fi
  done
}

start() {
  local port
  exec 9>"$home/lock"
  flock 9
  if ! running; then
    "prepare_${kind%%-*}"
    port="$(free_port)"
    rm -f "$socket" "$socket.lock" "$pidfile"
    (trap '' HUP; close_inherited; "run_${kind%%-*}" "$port") >"$log" 2>&1 </dev/null &
    for _ in $(seq 300); do
      if [ -S "$socket" ] && running; then break; fi
      if grep -q '\[ERROR\].*Aborting' "$log"; then break; fi
      sleep 0.2
    done
    if [ ! -S "$socket" ]; then tail -5 "$log" >&2; fail "$kind did not start, see $log"; fi
    echo "$port" >"$home/port"
    touch "$data/ready"
  fi
  echo "mysql://root@127.0.0.1:$(cat "$home/port")/?socket=$socket"
}

stop() {
  running || return 0
  local pid
  pid="$(cat "$pidfile")"
  kill "$pid"
  for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
  fail "$kind (process $pid) does not stop"
}

# What a private server of a test starts from: a home of its own, so that the shared server's data is not touched.
prepare() {
  local shared="$home"
  home="$home/pristine" data="$home/data"
  mkdir -p "$home"
  exec 9>"$home/lock"
  flock 9
  if [ ! -f "$data/ready" ]; then
    # The programs are the shared server's.
    if [ "$kind" = mysql ]; then mkdir -p "$shared"; unpack_mysql; fi
    "prepare_${kind%%-*}"
    rm -f "$data/auto.cnf"
    touch "$data/ready"
  fi
  echo "$data"
}

case "$action/$kind" in
  prepare/mariadb | prepare/mysql) prepare ;;
  start/mariadb | start/mysql | start/spider-head | start/spider-node[12]) mkdir -p "$home"; start ;;
  stop/mariadb | stop/mysql | stop/spider-head | stop/spider-node[12]) stop ;;
  browser/) browser ;;
  *) sed -n '2,7p' "$0"; exit 2 ;;
esac
