//! The servers that are measured, each started fresh for a run.

mod chat;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::house::House;
use crate::publisher::Push;
use crate::viewer::Protocol;

const RTMP_PORT: u16 = 19_350;
const HTTP_PORT: u16 = 18_080;

/// How long a server may take to open its ports, and to end.
const START: Duration = Duration::from_secs(15);
const END: Duration = Duration::from_secs(4);

/// No run lasts longer; the floor ends by itself then.
pub(crate) const LONGEST: Duration = Duration::from_secs(900);

/// A server by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    Weir,
    Nginx,
    /// MQTT.
    Mosquitto,
    /// Its publish and subscribe.
    Redis,
    Nats,
    /// A broadcast in Node, with the package ws.
    Ws,
    /// The kernel's own price, with batches of so many milliseconds.
    Floor(u64),
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(batch) = text.strip_prefix("floor:") {
            return match batch.parse() {
                Ok(batch) if batch <= 1000 => Ok(Self::Floor(batch)),
                _ => Err(format!("{batch} is not a number of milliseconds up to 1000")),
            };
        }
        let servers = [Self::Weir, Self::Nginx, Self::Mosquitto, Self::Redis, Self::Nats, Self::Ws];
        servers.into_iter().find(|peer| peer.name() == text).ok_or_else(|| {
            "want weir, nginx, mosquitto, redis, nats, ws, floor:0 or floor:MILLISECONDS".into()
        })
    }
}

impl Peer {
    /// As it is written in tables and on the command line.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Weir => "weir".into(),
            Self::Nginx => "nginx".into(),
            Self::Mosquitto => "mosquitto".into(),
            Self::Redis => "redis".into(),
            Self::Nats => "nats".into(),
            Self::Ws => "ws".into(),
            Self::Floor(batch) => format!("floor:{batch}"),
        }
    }

    /// Whether it can be asked over this protocol.
    pub(crate) fn speaks(&self, protocol: Protocol) -> bool {
        match self {
            Self::Weir => true,
            Self::Nginx => protocol == Protocol::Rtmp,
            Self::Floor(_) => protocol == Protocol::Flv,
            Self::Mosquitto | Self::Redis | Self::Nats | Self::Ws => false,
        }
    }

    /// Whether what one says there reaches everybody. The floor's batches are for pictures: it sends each message by itself.
    pub(crate) fn talks(&self) -> bool {
        !matches!(self, Self::Nginx | Self::Floor(1..))
    }
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) weir: PathBuf,
    pub(crate) nginx: PathBuf,
    pub(crate) nginx_modules: PathBuf,
    /// Further arguments to `weir serve`.
    pub(crate) weir_args: Vec<String>,
    /// Further sections of its configuration.
    pub(crate) weir_config: String,
}

impl Programs {
    /// Why this server cannot be measured here.
    pub(crate) fn missing(&self, peer: &Peer) -> Option<String> {
        let module = self.nginx_modules.join("ngx_rtmp_module.so");
        match peer {
            Peer::Weir if !self.weir.exists() => {
                Some(format!("{} is not there: cargo build --release --bin weir", self.weir.display()))
            }
            Peer::Nginx if !self.nginx.exists() || !module.exists() => Some(
                "nginx with its RTMP module is not there: apt-get install nginx libnginx-mod-rtmp".into(),
            ),
            _ => chat::missing(peer),
        }
    }
}

/// A server that runs; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    peer: Peer,
    words: Vec<String>,
    child: Child,
    folder: PathBuf,
}

impl Server {
    /// Starts a server on these cores and waits for its port.
    pub(crate) fn start(peer: &Peer, programs: &Programs, house: &House, cores: &str) -> Result<Self> {
        for port in [RTMP_PORT, HTTP_PORT] {
            ensure!(TcpStream::connect(local(port)).is_err(), "something else listens on port {port}");
        }
        let folder = folder()?;
        let words = match peer {
            Peer::Weir => weir(&folder, programs)?,
            Peer::Nginx => nginx(&folder, programs)?,
            Peer::Mosquitto | Peer::Redis | Peer::Nats | Peer::Ws => chat::command(peer, &folder)?,
            Peer::Floor(batch) => {
                let own = std::env::current_exe()?.display().to_string();
                let most = LONGEST.as_secs().to_string();
                let listen = local(HTTP_PORT).to_string();
                [
                    own.as_str(),
                    "floor",
                    "--listen",
                    &listen,
                    "--batch-ms",
                    &batch.to_string(),
                    "--seconds",
                    &most,
                ]
                .map(String::from)
                .to_vec()
            }
        };
        let words = [house.on_cores(cores, !chat::spins(peer)), words].concat();
        let child = spawn(&words, &folder)?;
        let mut server = Self { peer: peer.clone(), words, child, folder };
        server.wait_for_port()?;
        Ok(server)
    }

    /// Starts it again, after an end, with what it kept. It need not answer yet.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.child = spawn(&self.words, &self.folder)?;
        Ok(())
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it keeps what it keeps.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where players go.
    pub(crate) fn address(&self, protocol: Protocol) -> SocketAddr {
        local(if protocol == Protocol::Rtmp { RTMP_PORT } else { HTTP_PORT })
    }

    /// Where members of a room go.
    pub(crate) fn talk(&self) -> SocketAddr {
        local(HTTP_PORT)
    }

    /// Where publishers go.
    pub(crate) fn push(&self) -> Push {
        match self.peer {
            Peer::Floor(_) => Push::Feed(local(HTTP_PORT)),
            _ => Push::Rtmp(local(RTMP_PORT)),
        }
    }

    /// The key that Weir leaves for the command line of its machine.
    pub(crate) fn key(&self) -> Result<String> {
        let path = self.folder.join("data/local.key");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let key = text.lines().find_map(|line| line.strip_prefix("key = \"")?.strip_suffix('"'));
        Ok(key.context("there is no key in it")?.to_owned())
    }

    /// Puts a file into its folder, which nginx serves over HTTP.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let file = self.folder.join(name);
        fs::write(&file, bytes).with_context(|| file.display().to_string())?;
        // A server that runs as another user must be able to get there.
        for path in [&self.folder, &file] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    /// Why it is no longer there.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(format!("the server ended ({status}): {}", self.log()))
    }

    /// The end of what it printed, to explain a failure.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        let from = log.len().saturating_sub(1000);
        String::from_utf8_lossy(&log[from..]).trim().to_owned()
    }

    /// Has it end in good order, if it will.
    pub(crate) fn stop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let everyone = crate::process::tree(self.child.id());
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).output();
        let start = Instant::now();
        while start.elapsed() < END {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        // Its children first, then itself: these are processes that it started.
        for id in everyone.iter().skip(1) {
            let _ = Command::new("kill").args(["-KILL", &id.to_string()]).output();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn wait_for_port(&mut self) -> Result<()> {
        let address = match self.peer {
            Peer::Weir | Peer::Nginx => local(RTMP_PORT),
            _ => local(HTTP_PORT),
        };
        let start = Instant::now();
        while start.elapsed() < START {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at its start ({status}): {}", self.peer.name(), self.log());
            }
            if TcpStream::connect(address).is_ok() {
                // Whatever else a server does at its start shall not be in the measurement.
                sleep(Duration::from_millis(500));
                return Ok(());
            }
            sleep(Duration::from_millis(50));
        }
        bail!("{} did not open its port: {}", self.peer.name(), self.log())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn spawn(words: &[String], folder: &Path) -> Result<Child> {
    let log = fs::File::create(folder.join("log"))?;
    Command::new(&words[0])
        .args(&words[1..])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting {}", words.join(" ")))
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn folder() -> Result<PathBuf> {
    let mut number = 0;
    loop {
        let folder = std::env::temp_dir().join(format!("weir-bench-{}-{number}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(_) if number < 10_000 => number += 1,
            Err(error) => return Err(error).with_context(|| folder.display().to_string()),
        }
    }
}

fn weir(folder: &Path, programs: &Programs) -> Result<Vec<String>> {
    let config = folder.join("bench.toml");
    let basis = "[limits]\nconnections_per_ip = 0\n\n[push]\nscheme = \"open\"\n\n";
    fs::write(&config, format!("{basis}{}", programs.weir_config))?;
    let data = folder.join("data");
    let weir = programs.weir.canonicalize()?.display().to_string();
    let [config, data] = [config, data].map(|path| path.display().to_string());
    let [rtmp, http] = [RTMP_PORT, HTTP_PORT].map(|port| local(port).to_string());
    let mut words: Vec<String> =
        [&weir, "serve", "--data", &data, "--config", &config, "--http", &http, "--rtmp", &rtmp, "--no-demo"]
            .map(String::from)
            .to_vec();
    words.extend(programs.weir_args.iter().cloned());
    Ok(words)
}

fn nginx(folder: &Path, programs: &Programs) -> Result<Vec<String>> {
    let config = folder.join("nginx.conf");
    let text = format!(
        "load_module {modules}/ngx_rtmp_module.so;\ndaemon off;\nworker_processes 1;\nworker_rlimit_nofile 20000;\n\
         error_log {folder}/error.log warn;\npid {folder}/nginx.pid;\nevents {{ worker_connections 15000; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; server {{ listen {files}; root {folder}; }} }}\n\
         rtmp {{ access_log off; server {{ listen {listen}; chunk_size 4096; application live {{ live on; }} }} }}\n",
        modules = programs.nginx_modules.display(),
        folder = folder.display(),
        listen = local(RTMP_PORT),
        files = local(HTTP_PORT),
    );
    fs::write(&config, text)?;
    let [folder, config] = [folder, &config].map(|path| path.display().to_string());
    let errors = format!("{folder}/error.log");
    Ok(vec![
        programs.nginx.display().to_string(),
        "-p".into(),
        folder,
        "-c".into(),
        config,
        "-e".into(),
        errors,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_named_as_they_are_asked_for() {
        for name in ["weir", "nginx", "mosquitto", "redis", "nats", "ws", "floor:0", "floor:100"] {
            assert_eq!(name.parse::<Peer>().unwrap().name(), name);
        }
        for name in ["", "floor", "floor:", "floor:1001", "floor:-1", "srs"] {
            assert!(name.parse::<Peer>().is_err(), "{name}");
        }
    }
}
