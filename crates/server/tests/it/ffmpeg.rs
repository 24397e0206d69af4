//! ffmpeg: Debian's, which everybody has, and a newer one that speaks Enhanced RTMP.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::harness::PATIENCE;

/// Which ffmpeg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The one in Debian 12.
    Debian,
    /// Version 9, from PyPI; `make test` installs it.
    New,
}

impl Version {
    fn program(self) -> PathBuf {
        match self {
            Version::Debian => "ffmpeg".into(),
            Version::New => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/.venv/ffmpeg9"),
        }
    }
}

/// A program that is running.
pub struct Running {
    child: Option<Child>,
    what: String,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Done {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it complained about.
    pub stderr: String,
    /// What it printed.
    pub stdout: String,
}

/// Starts ffmpeg with these arguments, quiet but for errors.
pub fn start<S: AsRef<OsStr>>(version: Version, args: &[S]) -> Running {
    begin(version, "error", args)
}

fn begin<S: AsRef<OsStr>>(version: Version, level: &str, args: &[S]) -> Running {
    let mut command = Command::new(version.program());
    command.args(["-nostdin", "-hide_banner", "-v", level, "-y"]).args(args);
    Running::new(command)
}

/// Pushes so many seconds of picture and sound to this address at their own pace, with a key frame each second.
pub fn push(url: &str, seconds: u32) -> Running {
    let video = format!("testsrc2=size=160x90:rate=25:duration={seconds}");
    let audio = format!("sine=duration={seconds}");
    let source = format!("-re -f lavfi -i {video} -f lavfi -i {audio}");
    let encode = "-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p -c:a aac -f flv";
    let words: Vec<&str> = source.split(' ').chain(encode.split(' ')).chain([url]).collect();
    start(Version::Debian, &words)
}

/// Runs ffmpeg to its end; fails the test when ffmpeg fails.
pub fn run<S: AsRef<OsStr>>(version: Version, args: &[S]) -> Done {
    finish(start(version, args))
}

/// The same with its warnings.
pub fn run_loudly<S: AsRef<OsStr>>(version: Version, args: &[S]) -> Done {
    finish(begin(version, "warning", args))
}

fn finish(running: Running) -> Done {
    let what = running.what.clone();
    let done = running.wait();
    assert_eq!(done.code, Some(0), "{what}\n{}", done.stderr);
    done
}

impl Running {
    /// Starts a program.
    pub fn new(mut command: Command) -> Running {
        let what = format!("{command:?}");
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child =
            child.unwrap_or_else(|error| panic!("{what}: {error}; `make test` installs what is missing"));
        Running { child: Some(child), what }
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Done {
        let mut child = self.child.take().expect("still running");
        let mut stderr = child.stderr.take().expect("piped");
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            // Whatever was read when the pipe broke is worth showing.
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut stdout = child.stdout.take().expect("piped");
        let printer = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stdout.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let began = Instant::now();
        let status = loop {
            match child.try_wait().expect("a child of ours") {
                Some(status) => break status,
                None if began.elapsed() > PATIENCE * 2 => {
                    let _ = child.kill();
                    panic!("it does not end: {}", self.what);
                }
                None => std::thread::sleep(std::time::Duration::from_millis(20)),
            }
        };
        let join = |thread: std::thread::JoinHandle<String>| thread.join().expect("the pipe's reader");
        Done { code: status.code(), stderr: join(reader), stdout: join(printer) }
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// One packet of a file or an address, as ffmpeg's demuxer gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Number of the track.
    pub track: u32,
    /// Decode time in units of the track.
    pub dts: i64,
    /// MD5 of the payload.
    pub hash: String,
}

/// The packets that ffmpeg wrote with `-c copy -f framemd5`.
pub fn packets(text: &str) -> Vec<Packet> {
    let line = |line: &str| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let [track, dts, _, _, _, hash, ..] = fields.as_slice() else { return None };
        Some(Packet { track: track.parse().ok()?, dts: dts.parse().ok()?, hash: (*hash).to_owned() })
    };
    text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect()
}
