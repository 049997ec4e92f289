//! Git servers that never fall silent and bring nothing all the same: a pass with them ends, with the right reason, and the agent is
//! back when they are.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::agent_process::Agent;
use crate::agent_support::{AgentDesk, topic};
use crate::git_servers::{run, sshd};
use crate::git_support::{Server, git, write};

const LATER: Duration = Duration::from_secs(400);

/// Stands before a git daemon. While it drips, connections that ask for this service get one letter a second.
struct Relay {
    port: u16,
    drips: Arc<AtomicBool>,
}

impl Relay {
    fn start(target: u16, service: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let drips = Arc::new(AtomicBool::new(true));
        let dripping = Arc::clone(&drips);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let dripping = Arc::clone(&dripping);
                std::thread::spawn(move || answer(stream, target, service, &dripping));
            }
        });
        Self { port, drips }
    }

    fn url(&self) -> String {
        format!("git://127.0.0.1:{}/remote.git", self.port)
    }

    fn recover(&self) {
        self.drips.store(false, Ordering::SeqCst);
    }
}

fn answer(mut client: TcpStream, target: u16, service: &str, drips: &AtomicBool) {
    let mut request = [0; 4096];
    let Ok(length) = client.read(&mut request) else { return };
    let asks = String::from_utf8_lossy(&request[..length]).contains(service);
    if asks && drips.load(Ordering::SeqCst) {
        while client.write_all(b"a").is_ok() {
            std::thread::sleep(Duration::from_secs(1));
        }
        return;
    }
    let mut server = TcpStream::connect(("127.0.0.1", target)).expect("the git daemon answers");
    server.write_all(&request[..length]).expect("sent");
    let (mut from, mut to) = (server.try_clone().expect("cloned"), client.try_clone().expect("cloned"));
    let back = std::thread::spawn(move || {
        drop(std::io::copy(&mut from, &mut to));
        drop(to.shutdown(Shutdown::Both));
    });
    drop(std::io::copy(&mut client, &mut server));
    drop(server.shutdown(Shutdown::Write));
    drop(back.join());
}

/// An agent whose settings begin with this source.
fn start<'a>(desk: &'a AgentDesk, name: &str, source: &str, more: &str) -> Agent<'a> {
    let port = crate::support::ports::free_port();
    let text = format!(
        "apiVersion: driftless.dev/v1\nkind: Agent\nenvironment: prod\nsource: {{{source}, interval: 1s}}\n\
         stateDirectory: state-{name}\nhttp: {{listen: '127.0.0.1:{port}'}}\ncluster: {{sandbox: cluster}}\n{more}\n"
    );
    write(desk.desk.path(), &[(&format!("{name}.yaml"), &text)]);
    Agent::start_configured(desk, name, port)
}

/// Waits for the reason, recovers, and waits until everything is as git says.
fn survives(desk: &AgentDesk, agent: Agent<'_>, reason: &str, is_applied: bool, recover: &dyn Fn()) {
    agent.until("the reason", LATER, |agent| agent.reason() == reason);
    assert!(agent.log().contains("brought next to nothing for 120 seconds"), "{}", agent.log());
    assert_eq!(desk.on_cluster("orders").is_some(), is_applied);
    recover();
    // In sync it may be before: `ReportFailed` says that too.
    agent.until("back", LATER, |agent| agent.reason() == "Synced" && desk.reported("inventory.json").is_some());
    assert!(desk.on_cluster("orders").is_some());
    assert_eq!(agent.end().0, Some(0));
}

#[test]
fn a_server_that_drips_holds_up_neither_source_nor_reports_for_good() {
    let local = "url: remote.git";
    // What drips, for which service, what is said, and whether it was applied all the same.
    let cases = [
        ("source", "git-upload-pack", "SourceFailed", false),
        ("report", "git-upload-pack", "ReportFailed", false),
        ("report", "git-receive-pack", "ReportFailed", true),
    ];
    std::thread::scope(|scope| {
        for (what, service, reason, is_applied) in cases {
            scope.spawn(move || {
                let desk = AgentDesk::new("");
                let Some(server) = Server::start(desk.desk.path()) else { return };
                let relay = Relay::start(server.port(), service);
                let (source, more) = match what {
                    "source" => (format!("url: '{}'", relay.url()), String::new()),
                    _ => (local.to_owned(), format!("report: {{url: '{}'}}", relay.url())),
                };
                let agent = start(&desk, "slow", &source, &more);
                survives(&desk, agent, reason, is_applied, &|| relay.recover());
            });
        }
        scope.spawn(|| {
            let desk = AgentDesk::new("");
            desk.push("more", &[("base/more.yaml", &topic("more", 1))]);
            let Some(server) = sshd(&desk) else { return };
            let directory = desk.desk.path().join("sshd");
            let public = std::fs::read_to_string(desk.desk.path().join("id.pub")).expect("a key");
            let drip = format!("command=\"while :; do printf a; sleep 1; done\" {public}");
            let authorized = directory.join("authorized");
            std::fs::write(&authorized, drip).expect("written");
            let user = run(Command::new("id").arg("-un"));
            let host = std::fs::read_to_string(directory.join("host.pub")).expect("a key");
            write(desk.desk.path(), &[("known", &format!("[127.0.0.1]:{} {host}", server.port))]);
            let url = format!("ssh://{user}@127.0.0.1:{}{}", server.port, desk.remote().display());
            let source = format!("url: '{url}', auth: {{sshKeyFile: id, knownHostsFile: known}}");
            let agent = start(&desk, "ssh", &source, "");
            survives(&desk, agent, "SourceFailed", false, &|| std::fs::write(&authorized, &public).expect("written"));
            assert!(!git(&desk.remote(), &["log", "--format=%s", "driftless/prod"]).is_empty());
        });
    });
}
