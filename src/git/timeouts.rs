//! How long a git server may keep us waiting.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use git2::{Error, ErrorClass, ErrorCode};
use socket2::SockRef;

/// For a connection to be made.
const CONNECT_MILLISECONDS: i32 = 5_000;
/// For the next bytes of a server that is connected. While it packs objects, git sends a sign of life every five seconds. Both
/// together leave an agent that was told to end within the time that systemd gives it.
const SILENCE_MILLISECONDS: i32 = 20_000;
/// For the next [`STEP`] of objects, and for everything that comes before the first: a server that drips is never silent. A long
/// list of references has to come through a slow line in that time too.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes of objects. Together with [`PATIENCE`] the slowest transfer: 550 bytes a second, half of what the documentation of git's
/// `http.lowSpeedLimit` has for an example.
const STEP: usize = 64 << 10;
/// How often a server that says what it does while it packs the objects of a large repository is given that time again.
const MOST_EXTENSIONS: u32 = 5;
/// Between two attempts to cut what an operation that is given up is connected to.
const CUT_AGAIN: Duration = Duration::from_secs(1);

/// Makes libgit2 give up on servers that do not answer. They are settings of the whole process, set before its first connection.
pub(super) fn set() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        // Without them a server that says nothing holds up the agent for good. libgit2 has them only as options that are global
        // and not synchronized.
        #[expect(
            unsafe_code,
            reason = "global options of a C library, written once, before any of its connections read them"
        )]
        let outcome = unsafe {
            git2::opts::set_server_connect_timeout_in_milliseconds(CONNECT_MILLISECONDS)
                .and_then(|()| git2::opts::set_server_timeout_in_milliseconds(SILENCE_MILLISECONDS))
        };
        if let Err(error) = outcome {
            tracing::warn!(problem = error.message(), "git connections have no time limit");
        }
    });
}

/// Does something with a git server that must come on: where next to nothing comes for [`PATIENCE`], its connections are cut, and
/// the error has the code `Timeout`. The work says through the signs what came.
///
/// libgit2 asks nobody while it reads (its callbacks come with objects, and a server that drips sends none), so only the system
/// can end the wait. What is cut are connections of this process that were made meanwhile and lead to the port of the URL: where
/// two operations with the same server are under way, the one that is not slow may have to be tried again as well.
pub(super) fn bounded<T>(url: &str, work: impl FnOnce(&Signs) -> Result<T, Error>) -> Result<T, Error> {
    bounded_by(PATIENCE, url, work)
}

fn bounded_by<T>(patience: Duration, url: &str, work: impl FnOnce(&Signs) -> Result<T, Error>) -> Result<T, Error> {
    set();
    let signs = Signs::default();
    let ports = ports(url);
    if ports.is_empty() {
        return work(&signs);
    }
    let before = connections(&ports).into_iter().map(|connection| connection.ends).collect();
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| signs.watch(patience, &ports, &before));
        let end = End(&signs);
        let outcome = work(&signs);
        drop(end);
        outcome
    });
    let gave_up = signs.state().gave_up;
    outcome.map_err(|error| match gave_up {
        true => {
            let message = format!("the server brought next to nothing for {} seconds", patience.as_secs());
            Error::new(ErrorCode::Timeout, ErrorClass::Net, message)
        }
        false => error,
    })
}

/// What is known of how an operation comes on.
#[derive(Clone, Default)]
pub(super) struct Signs(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    /// Bytes of objects at the last step.
    bytes: usize,
    steps: u64,
    words: u64,
    ended: bool,
    gave_up: bool,
}

/// Says that the work ended, also when it panicked.
struct End<'a>(&'a Signs);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.0.1.notify_all();
    }
}

impl Signs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many bytes of objects came or went, since the operation began.
    pub(super) fn transferred(&self, bytes: usize) {
        let mut state = self.state();
        if bytes >= state.bytes.saturating_add(STEP) {
            state.bytes = bytes;
            self.step(state);
        }
    }

    /// This machine is at work on what came.
    pub(super) fn works(&self) {
        let state = self.state();
        self.step(state);
    }

    fn step(&self, mut state: MutexGuard<'_, State>) {
        state.steps += 1;
        drop(state);
        self.0.1.notify_all();
    }

    /// The server said what it is doing.
    pub(super) fn said(&self) {
        self.state().words += 1;
    }

    fn watch(&self, patience: Duration, ports: &[u16], before: &BTreeSet<Ends>) {
        let (mut state, mut words, mut extensions) = (self.state(), 0, 0);
        loop {
            let steps = state.steps;
            let wait = |state: &mut State| !state.ended && state.steps == steps;
            let waited = self.0.1.wait_timeout_while(state, patience, wait);
            let (next, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = next;
            if state.ended {
                return;
            }
            if !timeout.timed_out() {
                continue;
            }
            if state.words == words || extensions == MOST_EXTENSIONS {
                break;
            }
            (words, extensions) = (state.words, extensions + 1);
        }
        state.gave_up = true;
        while !state.ended {
            for connection in connections(ports) {
                if !before.contains(&connection.ends) {
                    connection.cut();
                }
            }
            let waited = self.0.1.wait_timeout_while(state, CUT_AGAIN, |state| !state.ended);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The ports that a connection to that URL may lead to; none where it leads to this machine's disk.
fn ports(url: &str) -> Vec<u16> {
    let is_scp = !url.contains("://") && url.split_once(':').is_some_and(|(host, _)| !host.contains('/'));
    let parsed = url::Url::parse(url).ok();
    match parsed.as_ref().map(|url| (url.scheme(), url.port())) {
        _ if is_scp => vec![22],
        // A server may send on to https.
        Some(("http", port)) => vec![port.unwrap_or(80), 443],
        Some(("https", port)) => vec![port.unwrap_or(443), 443],
        Some(("ssh" | "git+ssh" | "ssh+git", port)) => vec![port.unwrap_or(22)],
        Some(("git", port)) => vec![port.unwrap_or(9418)],
        Some(_) | None => Vec::new(),
    }
}

/// Both ends of a connection: no two have the same.
type Ends = (SocketAddr, SocketAddr);

/// A connection of this process.
struct Connection {
    descriptor: i32,
    ends: Ends,
}

#[cfg(unix)]
impl Connection {
    fn cut(&self) {
        with_socket(self.descriptor, |socket| {
            if ends(socket) == Some(self.ends) {
                // Whoever waits for it reads its end now; where it is gone, nobody does.
                drop(socket.shutdown(std::net::Shutdown::Both));
            }
        });
    }
}

#[cfg(unix)]
fn with_socket<T>(descriptor: i32, look: impl FnOnce(&SockRef<'_>) -> T) -> T {
    #[expect(
        unsafe_code,
        reason = "libgit2 tells nobody its sockets; the number is used for system calls that fail where it is no socket"
    )]
    let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
    look(&SockRef::from(&borrowed))
}

fn ends(socket: &SockRef<'_>) -> Option<Ends> {
    Some((socket.local_addr().ok()?.as_socket()?, socket.peer_addr().ok()?.as_socket()?))
}

/// Lists the connections of this process to these ports of whatever machine.
#[cfg(unix)]
fn connections(ports: &[u16]) -> Vec<Connection> {
    let entries = std::fs::read_dir("/dev/fd").into_iter().flatten().flatten();
    let descriptors = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let found =
        descriptors.filter_map(|descriptor| Some(Connection { descriptor, ends: with_socket(descriptor, ends)? }));
    found.filter(|connection| ports.contains(&connection.ends.1.port())).collect()
}

#[cfg(not(unix))]
impl Connection {
    fn cut(&self) {}
}

#[cfg(not(unix))]
fn connections(_ports: &[u16]) -> Vec<Connection> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use git2::{Direction, Repository};

    use super::*;

    /// Takes every connection, says this and then one letter after the other.
    fn dripping(first: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                std::thread::spawn(move || {
                    let mut sent = stream.write_all(first.as_bytes());
                    while sent.is_ok() {
                        std::thread::sleep(Duration::from_millis(50));
                        sent = stream.write_all(b"a");
                    }
                });
            }
        });
        port
    }

    #[test]
    fn a_server_that_drips_is_given_up_whatever_it_speaks() {
        let directory = tempfile::tempdir().expect("a directory");
        let repository = Repository::init_bare(directory.path()).expect("a repository");
        let body = "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nContent-Length: 99999\r\n\r\n";
        for (scheme, first) in [("git", ""), ("http", "HTTP/1.1 200 OK\r\nX-Slow: "), ("http", body)] {
            let url = format!("{scheme}://127.0.0.1:{}/kafka.git", dripping(first));
            let patience = Duration::from_millis(500);
            let outcome = bounded_by(patience, &url, |_| repository.remote_anonymous(&url)?.connect(Direction::Fetch));
            let error = outcome.expect_err("it is given up");
            assert_eq!(error.code(), ErrorCode::Timeout, "{url} {first}: {error}");
        }
    }

    #[test]
    fn small_steps_are_no_progress_and_another_error_stays_what_it_is() {
        let outcome = bounded("https://git.example.org/a.git", |signs| {
            for bytes in [STEP - 1, STEP, STEP + 1, 2 * STEP - 1, 2 * STEP] {
                signs.transferred(bytes);
            }
            assert_eq!(signs.state().steps, 2);
            Err::<(), _>(Error::from_str("another"))
        });
        assert_eq!(outcome.expect_err("a refusal").message(), "another");
    }

    #[test]
    fn the_ports_of_a_url_are_those_that_git_connects_to() {
        for (url, expected) in [
            ("https://git.example.org/a.git", vec![443, 443]),
            ("http://git.example.org:3000/a.git", vec![3000, 443]),
            ("ssh://git@git.example.org:2222/a.git", vec![2222]),
            ("git@git.example.org:team/a.git", vec![22]),
            ("git://git.example.org/a.git", vec![9418]),
            ("/srv/git/a.git", vec![]),
            ("./a:b.git", vec![]),
            ("file:///srv/git/a.git", vec![]),
        ] {
            assert_eq!(ports(url), expected, "{url}");
        }
    }
}
