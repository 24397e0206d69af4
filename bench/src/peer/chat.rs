//! The servers that a chat room is compared with, none of which knows anything of rooms: nothing is kept, nobody is dropped
//! for being slow, and nothing is logged.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{HTTP_PORT, Peer, local};

/// The room in Node.
const WS_ROOM: &str = include_str!("../wire/ws.cjs");

/// Where Debian has packages of Node.
const NODE_PACKAGES: &str = "/usr/share/nodejs";

/// Clients that a server must take, in so far as it has a bound.
const CLIENTS: usize = 20_000;

/// What nobody is cut off for, in bytes that wait for one client: as good as nothing.
const WAITING: usize = 1 << 30;

/// Why this server cannot be measured here.
pub(super) fn missing(peer: &Peer) -> Option<String> {
    let lacks = |program: &str, package: &str| {
        find(program).is_none().then(|| format!("{program} is not there: apt-get install {package}"))
    };
    match peer {
        Peer::Mosquitto => lacks("mosquitto", "mosquitto"),
        Peer::Redis => lacks("redis-server", "redis-server"),
        Peer::Nats => lacks("nats-server", "nats-server"),
        Peer::Ws if !Path::new(NODE_PACKAGES).join("ws").exists() => {
            Some("the package ws of Node is not there: apt-get install node-ws".into())
        }
        Peer::Ws => lacks("node", "nodejs"),
        _ => None,
    }
}

/// The command that starts it, with what it needs in this folder; nothing for those that are no server of chat alone.
pub(super) fn command(peer: &Peer, folder: &Path) -> Result<Vec<String>> {
    let (address, at) = (local(HTTP_PORT), |name: &str| folder.join(name).display().to_string());
    let (file, text, program, arguments) = match peer {
        Peer::Mosquitto => {
            let listen = format!("listener {} {}\nallow_anonymous true\n", address.port(), address.ip());
            let rest = "persistence false\nset_tcp_nodelay true\nmax_queued_messages 0\nsys_interval 0\nlog_type error\n";
            let name = "mosquitto.conf";
            (name, format!("{listen}{rest}"), "mosquitto", vec!["-c".into(), at(name)])
        }
        Peer::Redis => {
            let listen = format!("bind {}\nport {}\ntcp-backlog 4096\n", address.ip(), address.port());
            let rest = format!(
                "maxclients {CLIENTS}\nclient-output-buffer-limit pubsub 0 0 0\nsave \"\"\nappendonly no\nloglevel warning\n"
            );
            ("redis.conf", format!("{listen}{rest}"), "redis-server", vec![at("redis.conf")])
        }
        Peer::Nats => {
            let text = format!(
                "listen: \"{address}\"\nmax_connections: {CLIENTS}\nmax_pending: {WAITING}\nwrite_deadline: \"30s\"\n"
            );
            ("nats.conf", text, "nats-server", vec!["-c".into(), at("nats.conf")])
        }
        Peer::Ws => ("ws.cjs", WS_ROOM.into(), "node", vec![at("ws.cjs"), address.port().to_string()]),
        _ => return Ok(Vec::new()),
    };
    let path = folder.join(file);
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    let program = find(program).with_context(|| format!("{program} is not there"))?;
    let mut words =
        vec!["env".to_owned(), format!("NODE_PATH={NODE_PACKAGES}"), program.display().to_string()];
    words.extend(arguments);
    Ok(words)
}

/// Whether its threads wait for each other in ways that a real-time priority turns into spinning: Go's and Node's do.
pub(super) fn spins(peer: &Peer) -> bool {
    matches!(peer, Peer::Nats | Peer::Ws)
}

/// A program by its name: servers are in folders that are not in everybody's path.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|folder| folder.join(name)).find(|file| file.is_file())
}
