//! One child process: what it may use, what it is given, and its end.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process_group, prlimit, setpriority_process,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Failure;

/// Most bytes that a child may give back.
const MAX_OUTPUT_BYTES: u64 = 8 * 1024 * 1024;

/// How much of its complaint is kept, and how much of that is logged.
const MAX_COMPLAINT_BYTES: u64 = 4096;
const LOGGED_COMPLAINT: usize = 300;

/// Most descriptors that it may have.
const DESCRIPTORS: u64 = 64;

/// How much it stands back: pictures may be late, streams may not.
const NICENESS: i32 = 10;

/// What it keeps of our environment, which may hold secrets.
const KEPT: [&str; 2] = ["PATH", "LD_LIBRARY_PATH"];

/// What a child may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// From its start to its end.
    pub(super) time: Duration,
    /// Addresses, in bytes.
    pub(super) memory: u64,
}

/// Runs a program on this input and gives what it prints, which must be a JPEG.
pub(super) async fn run(
    program: &Path,
    arguments: &[String],
    input: &[Bytes],
    bounds: Bounds,
) -> Result<Bytes, Failure> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir("/").process_group(0).kill_on_drop(true);
    command.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| Failure::Child(format!("it does not start: {error}")))?;
    let mut group = Group(child);
    group.bind(&bounds).map_err(|error| Failure::Child(format!("it cannot be limited: {error}")))?;
    timeout(bounds.time, group.talk(input)).await.unwrap_or(Err(Failure::TimedOut))
}

/// A child and what it started. None of them outlives this.
struct Group(Child);

impl Group {
    /// Sets its limits. It has been given nothing so far, so nothing of a stranger's was read without them.
    fn bind(&self, bounds: &Bounds) -> std::io::Result<()> {
        // One that has ended already is found out by what it does not give.
        let Some(pid) = self.pid() else { return Ok(()) };
        let seconds = bounds.time.as_secs() + 1;
        for (resource, wanted) in [
            (Resource::As, bounds.memory),
            (Resource::Cpu, seconds),
            (Resource::Nofile, DESCRIPTORS),
            (Resource::Fsize, 0),
            (Resource::Core, 0),
        ] {
            // Above what we have ourselves nothing can be given.
            let most = getrlimit(resource).maximum.map_or(wanted, |most| most.min(wanted));
            match prlimit(Some(pid), resource, Rlimit { current: Some(most), maximum: Some(most) }) {
                Ok(_) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // It would only be faster without.
        let _ = setpriority_process(Some(pid), NICENESS);
        Ok(())
    }

    async fn talk(&mut self, input: &[Bytes]) -> Result<Bytes, Failure> {
        let lost = || Failure::Child("its pipes are lost".into());
        let mut stdin = self.0.stdin.take().ok_or_else(lost)?;
        let stdout = self.0.stdout.take().ok_or_else(lost)?;
        let mut stderr = self.0.stderr.take().ok_or_else(lost)?;
        let feed = async move {
            for piece in input {
                // It may have seen enough.
                if stdin.write_all(piece).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        let read = async {
            let mut out = Vec::new();
            let done = stdout.take(MAX_OUTPUT_BYTES + 1).read_to_end(&mut out).await;
            done.map_err(|error| Failure::Child(format!("what it gives cannot be read: {error}")))?;
            if out.len() as u64 > MAX_OUTPUT_BYTES {
                return Err(Failure::Child("it gives more than a picture can have".into()));
            }
            Ok(out)
        };
        let listen = async {
            let mut told = Vec::new();
            // Words that cannot be read are no reason to have no picture.
            let _ = (&mut stderr).take(MAX_COMPLAINT_BYTES).read_to_end(&mut told).await;
            let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
            Ok(told)
        };
        let ((), out, told) = tokio::try_join!(feed, read, listen)?;
        let status = self.0.wait().await;
        let status = status.map_err(|error| Failure::Child(format!("its end is not known: {error}")))?;
        let whole = out.starts_with(&[0xff, 0xd8]) && out.ends_with(&[0xff, 0xd9]);
        if status.success() && whole {
            return Ok(out.into());
        }
        let what = if status.success() { "no picture came".to_owned() } else { status.to_string() };
        Err(Failure::Child(format!("{what}; it says: {}", printable(&told))))
    }

    /// Its number, as long as it cannot be another's.
    fn pid(&self) -> Option<Pid> {
        self.0.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            // A wrapper's own children would live on otherwise.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// The beginning of what a child says, on one line and without anything that a terminal obeys.
fn printable(told: &[u8]) -> String {
    let text = String::from_utf8_lossy(told);
    let plain = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    plain.take(LOGGED_COMPLAINT).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { time: Duration::from_secs(20), memory: 512 * 1024 * 1024 };

    async fn shell(script: &str) -> Result<Bytes, Failure> {
        // It waits for its input, before which its limits are set.
        let script = format!("read line; {script}");
        run(Path::new("/bin/sh"), &["-c".into(), script], &[Bytes::from_static(b"go\n")], BOUNDS).await
    }

    #[tokio::test]
    async fn a_child_has_limits_and_little_of_our_environment() {
        let script = "(ulimit -v; ulimit -t; ulimit -f; ulimit -n; nice; env | grep -c -v -E '^(PATH|LD_LIBRARY_PATH|PWD|_|OLDPWD|SHLVL)=') >&2; exit 7";
        let told = shell(script).await.unwrap_err().to_string();
        let expected =
            format!("{} {} 0 {DESCRIPTORS} {NICENESS} 0", BOUNDS.memory / 1024, BOUNDS.time.as_secs() + 1);
        assert!(told.contains("exit status: 7") && told.ends_with(&expected), "{told}");
    }

    #[tokio::test]
    async fn only_a_whole_jpeg_of_a_child_that_succeeds_is_taken() {
        let jpeg = r"printf '\377\330picture\377\331'";
        assert_eq!(shell(jpeg).await.unwrap(), &b"\xff\xd8picture\xff\xd9"[..]);
        for bad in [&format!("{jpeg}; exit 1"), r"printf '\377\330half'", "true"] {
            assert!(matches!(shell(bad).await, Err(Failure::Child(_))), "{bad}");
        }
    }

    #[tokio::test]
    async fn what_a_child_says_is_cut_and_cannot_steer_a_terminal() {
        let script = r"printf '\033[31mred\n' >&2; yes aaaaaaaa | head -c 100000 >&2; exit 1";
        let told = shell(script).await.unwrap_err().to_string();
        assert!(told.contains("[31mred") && told.len() < LOGGED_COMPLAINT + 60, "{told}");
        assert!(!told.contains(char::is_control), "{told}");
    }
}
