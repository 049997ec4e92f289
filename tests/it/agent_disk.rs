//! A disk that is full under a running agent: the right reason, nothing applied that should not be, and back by itself.
//!
//! Where the tests run as root, the disk is a small file system that only the agent sees. Elsewhere no file of the agent may become
//! larger than a few kilobytes instead, which is what a full disk looks like to it.
#![allow(clippy::print_stderr, reason = "whoever runs the tests wants to know which of the two it was")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::agent_faults::is;
use crate::agent_loop::is_synced;
use crate::agent_support::{AgentDesk, RunningAgent, eventually, topic};
use crate::support::ports::free_port;

/// In bytes.
const SIZE: usize = 8 << 20;
/// What a file may have where there is no such disk, in bytes.
const LARGEST: usize = 8 << 10;

/// The disk of an agent.
enum Disk {
    /// A file system of that size, where the agent has mounted it.
    Small(PathBuf),
    /// A limit of the process with that id.
    Limited(u32),
}

/// Says whether this process may mount a file system for a child.
fn may_mount(directory: &Path) -> bool {
    let script = "mount -t tmpfs -o size=64k driftless \"$0\"";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script]).arg(directory).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Disk {
    /// Starts the agent of the desk with a disk of its own at that directory, which must be there.
    fn start(world: &AgentDesk, at: &Path) -> (RunningAgent, Self) {
        let is_real = may_mount(at);
        let plain = world.command();
        let mut command = if is_real {
            let script = format!("mount -t tmpfs -o size={SIZE},mode=700 driftless \"$0\" && exec \"$@\"");
            let mut command = Command::new("unshare");
            command.args(["-m", "sh", "-c", &script]).arg(at);
            command
        } else {
            eprintln!("no file system can be mounted here: a limit on the size of files stands in for a full disk");
            let mut command = Command::new("sh");
            command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
            command
        };
        command.arg(plain.get_program()).args(plain.get_args()).current_dir(world.desk.path()).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let agent = RunningAgent::start_as(world, command);
        let seen = |path: &Path| PathBuf::from(format!("/proc/{}/root{}", agent.id(), path.display()));
        let disk = if is_real { Self::Small(seen(at)) } else { Self::Limited(agent.id()) };
        (agent, disk)
    }

    /// Leaves room for this many bytes.
    fn fill(&self, room: usize) {
        match self {
            Self::Small(directory) => {
                let mut filler = std::fs::File::create(directory.join("filler")).expect("made");
                let block = [b'x'; 4096];
                let mut size = 0;
                while size <= SIZE && filler.write_all(&block).is_ok() {
                    size += block.len();
                }
                assert!(size <= SIZE, "the disk has an end");
                filler.set_len(u64::try_from(size - room).expect("small")).expect("cut");
            }
            Self::Limited(_) => self.limit(&LARGEST.to_string()),
        }
    }

    fn free(&self) {
        match self {
            Self::Small(directory) => std::fs::remove_file(directory.join("filler")).expect("removed"),
            Self::Limited(_) => self.limit("unlimited"),
        }
    }

    fn limit(&self, largest: &str) {
        let Self::Limited(process) = self else { return };
        let limited =
            Command::new("prlimit").args([format!("--pid={process}"), format!("--fsize={largest}:unlimited")]).status();
        assert!(limited.expect("prlimit runs").success());
    }
}

/// Text that cannot be compressed.
fn noise() -> String {
    let (mut noise, mut text) = (1_u64, String::new());
    while text.len() < 1_500_000 {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("{noise:x}"));
    }
    text
}

#[test]
fn a_full_disk_under_the_mirror_stops_the_agent_until_there_is_room() {
    let port = free_port();
    let world = AgentDesk::new(&format!("http: {{listen: '127.0.0.1:{port}'}}"));
    let state = world.desk.path().join("state");
    std::fs::create_dir(&state).expect("made");
    let (agent, disk) = Disk::start(&world, &state);
    eventually(&world, "the first apply", || is_synced(&world));
    let before = world.cluster_bytes();
    disk.fill(100 << 10);
    world.push("large", &[("notes.txt", &noise()), ("base/more.yaml", &topic("more", 1))]);
    eventually(&world, "no room", || is(port, "Unknown", "SourceFailed", "False"));
    assert_eq!(world.cluster_bytes(), before);
    // The mirror is whole: another one would need even more room.
    assert!(!agent.log().contains("cloned again"), "{}", agent.log());
    disk.free();
    eventually(&world, "room again", || world.on_cluster("more").is_some() && is(port, "Synced", "Synced", "False"));
    let seen = match &disk {
        Disk::Small(directory) => directory.join("prod"),
        Disk::Limited(_) => state.join("prod"),
    };
    let left = std::fs::read_dir(seen).expect("listed");
    let names: Vec<String> = left.map(|entry| entry.expect("listed").file_name().to_string_lossy().into()).collect();
    assert!(!names.iter().any(|found| found.contains(".new-")), "{names:?}");
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn a_full_disk_under_the_journal_lets_nothing_be_sent_that_is_not_in_it() {
    const TOPICS: usize = 300;
    for room in [0, 8 << 10] {
        let port = free_port();
        let world = AgentDesk::new(&format!("http: {{listen: '127.0.0.1:{port}'}}"));
        world.ends_with(0);
        let entries = std::fs::read_dir(world.desk.path().join("state/prod")).expect("listed");
        let directories = entries.map(|entry| entry.expect("listed").path()).filter(|path| path.is_dir());
        let own: Vec<PathBuf> =
            directories.filter(|path| path.extension().is_none_or(|extension| extension != "git")).collect();
        let [journal] = own.as_slice() else { panic!("one cluster: {own:?}") };
        let (agent, disk) = Disk::start(&world, journal);
        eventually(&world, "ready", || is(port, "Synced", "Synced", "False"));
        let before = world.cluster_bytes();
        disk.fill(room);
        let manifests: String =
            (0..TOPICS).map(|index| format!("{}---\n", topic(&format!("many-{index}"), 1))).collect();
        let head = world.push("many", &[("base/many.yaml", &manifests)]);
        // Without any room the apply does not begin; with a little it begins, and nothing of it is sent.
        let reason = match disk {
            Disk::Small(_) if room == 0 => "StateFailed",
            Disk::Small(_) | Disk::Limited(_) => "ApplyFailed",
        };
        eventually(&world, "no room", || ["Unknown", "OutOfSync"].iter().any(|sync| is(port, sync, reason, "False")));
        assert_eq!(world.cluster_bytes(), before, "{room}");
        disk.free();
        eventually(&world, "room again", || is(port, "Synced", "Synced", "False") && world.has_applied(&head));
        assert!((0..TOPICS).all(|index| world.on_cluster(&format!("many-{index}")).is_some()));
        assert_eq!(agent.end(), Some(0));
    }
}
