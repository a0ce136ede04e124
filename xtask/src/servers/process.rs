//! One running server: started on free ports, waited for, and stopped on every way out.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(90);
/// A port may be taken between our look and the server's; then all ports are chosen anew.
const START_ATTEMPTS: u32 = 3;

/// Every server that still runs, so that a signal can stop them from its own thread.
static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());

/// A child process and the folder that goes when it has stopped.
#[derive(Debug)]
struct Running {
    child: Child,
    /// `None` where the caller owns the folder.
    _folder: Option<TempDir>,
}

/// A server that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pid: u32,
    port: u16,
    log: PathBuf,
}

/// What a server needs to start: built for the ports that it gets.
pub(crate) struct Launch {
    /// The server's command line.
    pub(crate) command: Command,
    /// The port on which clients find it.
    pub(crate) port: u16,
    /// Says whether it is ready.
    pub(crate) ready: Box<dyn Fn() -> bool>,
}

impl Server {
    /// Starts a server on `ports` free ports with its data and log in `folder`, or in a temporary one.
    pub(crate) fn start(
        ports: usize,
        folder: Option<&Path>,
        launch: impl Fn(&Path, &[u16]) -> anyhow::Result<Launch>,
    ) -> anyhow::Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::start_once(ports, folder, &launch) {
                Err(error) if attempt < START_ATTEMPTS => eprintln!("trying other ports: {error:#}"),
                other => return other,
            }
            attempt += 1;
        }
    }

    fn start_once(
        ports: usize,
        folder: Option<&Path>,
        launch: impl Fn(&Path, &[u16]) -> anyhow::Result<Launch>,
    ) -> anyhow::Result<Self> {
        let temporary = match folder {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("devlog-server-").tempdir()?),
        };
        let home = temporary.as_ref().map(TempDir::path).or(folder).context("a server needs a folder")?;
        let Launch { mut command, port, ready } = launch(home, &free_ports(ports)?)?;
        let log = home.join("server.log");
        let output = File::create(&log).context("cannot create the server's log")?;
        let child = dies_with_us(&mut command)
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // A group of its own: Ctrl-C reaches us, and we decide the order in which things end.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        let server = Self { pid: child.id(), port, log };
        running().push(Running { child, _folder: temporary });
        server.wait_until(&*ready)?;
        Ok(server)
    }

    fn wait_until(&self, ready: &dyn Fn() -> bool) -> anyhow::Result<()> {
        let started = Instant::now();
        while !ready() {
            if self.has_ended() {
                bail!("it ended at once, and said:\n{}", self.last_words());
            }
            if started.elapsed() > START_LIMIT {
                bail!("no answer within {} s, and it said:\n{}", START_LIMIT.as_secs(), self.last_words());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Where clients find it.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn has_ended(&self) -> bool {
        running()
            .iter_mut()
            .find(|server| server.child.id() == self.pid)
            .is_none_or(|server| !matches!(server.child.try_wait(), Ok(None)))
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut running = running();
        if let Some(at) = running.iter().position(|server| server.child.id() == self.pid) {
            stop(running.swap_remove(at));
        }
    }
}

/// Stops every server that still runs.
pub(crate) fn stop_all() {
    running().drain(..).for_each(stop);
}

fn stop(mut server: Running) {
    // Its data is thrown away, so nothing is gained by a slow, orderly end.
    if server.child.kill().is_ok() {
        let _ = server.child.wait();
    }
}

fn running() -> MutexGuard<'static, Vec<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where util-linux is at hand, the kernel ends the server even if we are killed without a chance to do it.
fn dies_with_us(command: &mut Command) -> Command {
    let has_setpriv = Path::new("/usr/bin/setpriv").is_file();
    let mut wrapped = Command::new(if has_setpriv { "setpriv".as_ref() } else { command.get_program() });
    if has_setpriv {
        wrapped.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program());
    }
    wrapped.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped
}

/// Ports that nobody listens on now, all different.
fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<_, _>>()
        .context("cannot find free ports")?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// The status of a plain GET on loopback, if anybody answers.
pub(crate) fn http_status(port: u16, path: &str) -> Option<u16> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    line.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ() {
        let mut ports = free_ports(8).unwrap();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 8);
    }

    #[test]
    fn a_server_that_ends_at_once_is_an_error_with_its_last_words() {
        let error = Server::start_once(1, None, |_, ports| {
            let mut command = Command::new("sh");
            command.args(["-c", "echo no luck today; exit 3"]);
            Ok(Launch { command, port: ports[0], ready: Box::new(|| false) })
        })
        .unwrap_err();
        assert!(error.to_string().contains("no luck today"), "{error}");
    }

    #[test]
    fn a_dropped_server_is_stopped() {
        let server = Server::start_once(1, None, |_, ports| {
            let mut command = Command::new("sleep");
            command.arg("600");
            Ok(Launch { command, port: ports[0], ready: Box::new(|| true) })
        })
        .unwrap();
        let proc = PathBuf::from(format!("/proc/{}", server.pid));
        let existed = proc.exists();
        drop(server);
        assert!(!existed || !proc.exists(), "still runs");
    }
}
