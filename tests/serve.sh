# For `source`: builds weir and starts it on ports of its own choice, as `make run` does. Sets `weir` (the program),
# `work` (a folder that goes at the end), `log`, `http` and `rtmp` (the ports), and stops everything on exit.
cargo build --locked --bin weir
weir=$(cargo metadata --format-version 1 --no-deps --locked | grep -o '"target_directory":"[^"]*"' | cut -d'"' -f4)/debug/weir
work=$(mktemp -d)
chmod 755 "$work"
log=$work/weir.log
"$weir" serve --http 127.0.0.1:0 --rtmp 127.0.0.1:0 --data "$work/data" >"$log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$work"' EXIT
# The server says where it listens; a port of its own choice cannot be taken.
port_of() { grep -oE "$1://127\.0\.0\.1:[0-9]+" "$log" | grep -oE '[0-9]+$' | head -1; }
for _ in $(seq 100); do
    http=$(port_of http || true) rtmp=$(port_of rtmp || true)
    [[ -n ${http:-} && -n ${rtmp:-} ]] && break
    kill -0 $server 2>/dev/null || break
    sleep 0.1
done
[[ -n ${http:-} && -n ${rtmp:-} ]] || { echo "weir did not say where it listens:" >&2; cat "$log" >&2; exit 1; }
