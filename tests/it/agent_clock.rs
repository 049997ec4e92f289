//! A running agent whose machine's clock is set.

use std::path::PathBuf;

use crate::agent_loop::get;
use crate::agent_support::{AgentDesk, RunningAgent, eventually};
use crate::git_support::is_there;
use crate::support::ports::free_port;

/// Finds the library that gives a process another clock.
fn library() -> Option<PathBuf> {
    let directories = is_there("faketime").then(|| std::fs::read_dir("/usr/lib").expect("listed"))?;
    let files = directories.map(|entry| entry.expect("listed").path().join("faketime/libfaketime.so.1"));
    Some(files.into_iter().find(|path| path.is_file()).expect("the library of the program"))
}

#[test]
fn a_clock_that_is_set_an_hour_forth_and_back_stops_neither_checks_nor_corrections() {
    let Some(library) = library() else { return };
    let port = free_port();
    let world = AgentDesk::new(&format!(
        "http: {{listen: '127.0.0.1:{port}'}}\ndrift: {{schedule: '*/5 * * * * *'}}\napply: {{correctDrift: true}}"
    ));
    let set = |seconds: i64| {
        let new = world.desk.path().join("clock.new");
        std::fs::write(&new, format!("{seconds:+}\n")).expect("written");
        std::fs::rename(new, world.desk.path().join("clock")).expect("renamed");
    };
    set(0);
    let mut command = world.command();
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", world.desk.path().join("clock"));
    // Waits are not by the wall clock, and must stay as they are.
    command.env("FAKETIME_CACHE_DURATION", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("NO_FAKE_STAT", "1");
    let agent = RunningAgent::start_as(&world, command);
    let last_check = || -> Option<i64> {
        let (_, text) = get(port, "/metrics")?;
        let line = text.lines().find_map(|line| line.strip_prefix("driftless_drift_last_check_timestamp_seconds "))?;
        line.parse().ok()
    };
    for hours in [0, 1, -1, 0] {
        set(hours * 3600);
        let off = || last_check().map(|check| check - jiff::Timestamp::now().as_second());
        let expected = hours * 3600 - 300..=hours * 3600 + 300;
        eventually(&world, "a check by the clock as it is", || off().is_some_and(|off| expected.contains(&off)));
        world.change_by_hand("orders", 24, 12);
        let is_corrected = || world.on_cluster("orders").is_some_and(|text| text.contains("86400000"));
        eventually(&world, "the correction", is_corrected);
        eventually(&world, "its end", || {
            get(port, "/api/v1/status").is_some_and(|(_, status)| status.contains("\"sync\": \"Synced\""))
        });
    }
    assert_eq!(agent.end(), Some(0));
}
