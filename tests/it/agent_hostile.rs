//! What a rogue pull request could bring, once merged: none of it reaches the agent's settings, its credentials, its machine, or
//! another environment's.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::agent_support::{AgentDesk, topic};
use crate::git_support::{git, git_with_input, write};

/// Stands in every file that must not get out.
const CANARY: &str = "canary-7f3a91";

const REPOSITORY: &str = "apiVersion: driftless.dev/v1
kind: Repository
environments:
  prod: {layers: [base], parameters: {minimumReplicationFactor: 1, minimumInsyncReplicas: 1}}
  dev: {layers: [dev], parameters: {minimumReplicationFactor: 1, minimumInsyncReplicas: 1}}
";

/// An agent beside secrets: its own settings, the password of a user, and another environment's password.
fn desk() -> AgentDesk {
    let world = AgentDesk::new(&format!("secrets: {{directory: secrets}}\n# {CANARY}"));
    write(
        world.desk.path(),
        &[
            ("secrets/alice/password", &format!("{CANARY}-alice")),
            ("secrets-of-dev/bob/password", &format!("{CANARY}-bob")),
            ("machine/secret.yaml", &topic(&format!("{CANARY}-topic"), 1)),
        ],
    );
    world.push("both", &[("driftless.yaml", REPOSITORY), ("dev/a.yaml", &topic("of-dev", 1))]);
    world.ends_with(0);
    world
}

/// Makes a pass over what was pushed, and checks that nothing got out and nothing came in.
#[track_caller]
fn is_harmless(world: &AgentDesk, what: &str, expected: i32, words: &str) {
    let outcome = world.once();
    assert_eq!(outcome.code, expected, "{what}: {}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stderr.contains(words), "{what}: `{words}` is not in {}", outcome.stderr);
    let mut said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(!said.contains(CANARY), "{what}: {said}");
    // What a terminal would obey.
    let is_control = |c: char| c.is_control() && c != '\n';
    assert!(!outcome.stderr.contains(is_control), "{what}: {:?}", outcome.stderr);
    said = git(&world.remote(), &["log", "-p", "--format=%B", "driftless/prod"]);
    assert!(!said.contains(CANARY), "{what}: {said}");
    let cluster = world.cluster_bytes();
    let topics: Vec<_> = cluster.iter().filter(|(path, _)| path.to_string_lossy().contains("evil")).collect();
    assert!(topics.is_empty(), "{what}: {topics:?}");
    assert!(world.on_cluster("of-dev").is_none(), "{what}");
    assert!(!world.desk.path().join("owned").exists(), "{what}");
    let secret = std::fs::read_to_string(world.desk.path().join("secrets/alice/password")).expect("there");
    assert_eq!(secret, format!("{CANARY}-alice"), "{what}");
}

/// Takes the last commit back, for good.
fn take_back(world: &AgentDesk) {
    git(&world.clone(), &["reset", "-q", "--hard", "HEAD~1"]);
    git(&world.clone(), &["clean", "-q", "-f", "-d", "-x"]);
    git(&world.clone(), &["push", "-q", "--force", "origin", "main"]);
}

#[test]
fn links_layers_and_files_that_lead_elsewhere_are_refused() {
    let world = desk();
    let clone = world.clone();
    let settings = world.desk.path().join("agent.yaml");
    let machine = world.desk.path().join("machine");
    for (what, name, target) in [
        ("a link to the settings", "base/a.yaml", settings.as_path()),
        ("a relative link to the settings", "base/a.yaml", Path::new("../../agent.yaml")),
        ("a link to a directory of the machine", "base/more", machine.as_path()),
        ("a relative link to a directory", "base/more", Path::new("../../machine")),
        ("a link to everything", "base/all", Path::new("/")),
        ("a link into git", "base/git", Path::new("../.git")),
        ("a link to itself", "base/loop.yaml", Path::new("loop.yaml")),
        ("a link above itself", "base/up", Path::new("../base")),
        ("a link to a secret", "base/s.yaml", Path::new("../../secrets/alice/password")),
        ("a link to the process", "base/env.yaml", Path::new("/proc/self/environ")),
    ] {
        symlink(target, clone.join(name)).expect("linked");
        world.push(what, &[("base/evil.yaml", &topic("evil", 1))]);
        is_harmless(&world, what, 1, "leads out of the repository or nowhere");
        take_back(&world);
    }
    for (what, layers, words) in [
        ("a layer above", "[base, ../machine]", "is not a path below the root"),
        ("a layer of the machine", "[base, /etc]", "is not a path below the root"),
        ("a layer through another", "[base, dev/../../machine]", "is not a path below the root"),
        ("a layer with a backslash", "[base, '..\\machine']", "is not a path below the root"),
        ("a layer in git", "[base, .git]", ".git"),
    ] {
        let file = REPOSITORY.replacen("[base]", layers, 1);
        world.push(what, &[("driftless.yaml", &file), ("base/evil.yaml", &topic("evil", 1))]);
        is_harmless(&world, what, 1, words);
        take_back(&world);
    }
    let policies = REPOSITORY.replacen("layers: [base]", "layers: [base], policies: [../machine]", 1);
    world.push("policies above", &[("driftless.yaml", &policies), ("base/evil.yaml", &topic("evil", 1))]);
    is_harmless(&world, "policies above", 1, "is not a path below the root");
    take_back(&world);

    let huge = format!("{}\n# {}\n", topic("evil", 1), "x".repeat(17 << 20));
    world.push("a huge file", &[("base/huge.yaml", &huge)]);
    is_harmless(&world, "a huge file", 1, "too large");
    take_back(&world);

    // Thousand-fold what it says, by aliases.
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    world.push("a bomb", &[("base/bomb.yaml", &bomb), ("base/evil.yaml", &topic("evil", 1))]);
    is_harmless(&world, "a bomb", 1, "base/bomb.yaml");
    take_back(&world);
    world.ends_with(0);
}

#[test]
fn what_git_programs_would_run_or_check_out_means_nothing() {
    let world = desk();
    let clone = world.clone();
    let owned = world.desk.path().join("owned").display().to_string();
    let run = format!("#!/bin/sh\ntouch '{owned}'\n");
    // Filters, hooks, aliases: nothing of the repository's is ever run, and no work tree is made.
    world.push(
        "things to run",
        &[
            (".gitattributes", "* filter=evil diff=evil merge=evil\n"),
            (".gitconfig", &format!("[filter \"evil\"]\n  smudge = touch '{owned}'\n  clean = touch '{owned}'\n")),
            ("base/.gitattributes", "*.yaml filter=evil ident export-subst\n"),
            (".githooks/post-checkout", &run),
            ("hooks/post-checkout", &run),
            ("hooks/reference-transaction", &run),
            ("base/README.md", "$Id$"),
        ],
    );
    is_harmless(&world, "things to run", 0, "");
    // A submodule whose address would be opened.
    let modules = format!("[submodule \"x\"]\n  path = base/x\n  url = ext::sh -c 'touch {owned}'\n");
    write(&clone, &[(".gitmodules", &modules)]);
    git(&clone, &["add", ".gitmodules"]);
    let head = git(&clone, &["rev-parse", "HEAD"]);
    git(&clone, &["update-index", "--add", "--cacheinfo", &format!("160000,{head},base/x")]);
    git(&clone, &["commit", "-q", "-m", "a submodule"]);
    git(&clone, &["push", "-q", "origin", "main"]);
    is_harmless(&world, "a submodule", 0, "");
    assert!(!world.mirror().join("modules").exists());
}

#[test]
fn names_that_no_program_would_make_are_not_believed() {
    let world = desk();
    let clone = world.clone();
    let evil = git_with_input(&clone, &["hash-object", "-w", "--stdin"], &topic("evil", 1));
    let bad = git_with_input(&clone, &["hash-object", "-w", "--stdin"], "kind: [\n");
    let id = |hex: &str| -> Vec<u8> {
        (0..20).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect("hexadecimal")).collect()
    };
    let tree_of = |entries: &[(&str, &[u8], &str)]| -> String {
        let mut raw = Vec::new();
        for (mode, name, object) in entries {
            raw.extend_from_slice(mode.as_bytes());
            raw.push(b' ');
            raw.extend_from_slice(name);
            raw.push(0);
            raw.extend_from_slice(&id(object));
        }
        let file = world.desk.path().join("tree");
        std::fs::write(&file, raw).expect("written");
        git(&clone, &["hash-object", "-t", "tree", "-w", "--literally", file.to_str().expect("UTF-8")])
    };
    let parent = git(&clone, &["rev-parse", "HEAD"]);
    let before = git(&clone, &["rev-parse", "HEAD^{tree}"]);
    let entry = |path: &str| git(&clone, &["rev-parse", &format!("{before}:{path}")]);
    let (file, base, dev) = (entry("driftless.yaml"), entry("base"), entry("dev"));
    let orders = entry("base/orders.yaml");
    for (what, name, object, code, words) in [
        ("two dots", &b".."[..], &evil, 0, ""),
        ("git's own directory", b".git", &evil, 0, ""),
        ("a path of a file above", b"../evil.yaml", &evil, 0, ""),
        ("a path that is absolute", b"/tmp/evil.yaml", &bad, 1, "ManifestsInvalid"),
        ("not UTF-8", b"evil\xff.yaml", &evil, 1, "not UTF-8"),
        ("what a terminal obeys", b"\x1b[31m\x07evil.yaml", &bad, 1, "ManifestsInvalid"),
        ("a line break", b"a\nerror: evil.yaml", &bad, 1, "ManifestsInvalid"),
    ] {
        let inner = if name < &b"orders"[..] {
            tree_of(&[("100644", name, object), ("100644", b"orders.yaml", &orders)])
        } else {
            tree_of(&[("100644", b"orders.yaml", &orders), ("100644", name, object)])
        };
        let root =
            tree_of(&[("40000", b"base", &inner), ("40000", b"dev", &dev), ("100644", b"driftless.yaml", &file)]);
        let commit = git(&clone, &["commit-tree", "-p", &parent, "-m", what, &root]);
        git(&clone, &["push", "-q", "--force", "origin", &format!("{commit}:refs/heads/main")]);
        let outcome = world.once();
        assert_eq!(outcome.code, code, "{what}: {}{}", outcome.stdout, outcome.stderr);
        let _ = (words, &base);
        let status = world.status();
        assert_eq!(status.1, if code == 0 { "Synced" } else { "ManifestsInvalid" }, "{what}");
        let is_control = |c: char| c.is_control() && c != '\n';
        assert!(!outcome.stderr.contains(is_control), "{what}: {:?}", outcome.stderr);
        assert!(world.on_cluster("evil").is_none(), "{what}");
        // The agent's own record is put back, so that each case starts from the same commit.
        world.configure_source(&format!(", acceptRevision: {parent}"), "secrets: {directory: secrets}");
        git(&clone, &["push", "-q", "--force", "origin", &format!("{parent}:refs/heads/main")]);
        world.ends_with(0);
        world.configure("secrets: {directory: secrets}");
    }
}

#[test]
fn a_server_that_lists_odd_references_is_survived() {
    let world = desk();
    let head = git(&world.remote(), &["rev-parse", "main"]);
    git(&world.remote(), &["pack-refs", "--all"]);
    let packed = world.remote().join("packed-refs");
    let good = std::fs::read(&packed).expect("references");
    for (what, name) in [
        ("a control character", &b"refs/heads/ev\x1b[31mil"[..]),
        ("a path above", b"refs/heads/../../../owned"),
        ("a bell and a tab", b"refs/heads/\x07\tx"),
        ("not UTF-8", b"refs/heads/\xff\xfe"),
        ("nothing", b"refs/heads/"),
    ] {
        let mut text = good.clone();
        text.extend_from_slice(head.as_bytes());
        text.push(b' ');
        text.extend_from_slice(name);
        text.push(b'\n');
        std::fs::write(&packed, text).expect("written");
        let outcome = world.once();
        // Whether git lists such a remote at all is its business; it is either followed, or an error that says so.
        assert!(matches!(outcome.code, 0 | 1), "{what}: {}", outcome.stderr);
        let is_control = |c: char| c.is_control() && c != '\n';
        assert!(!outcome.stderr.contains(is_control), "{what}: {:?}", outcome.stderr);
        assert!(!world.desk.path().join("owned").exists(), "{what}");
        assert!(std::fs::read_dir(world.mirror().join("refs")).is_ok(), "{what}");
    }
    std::fs::write(&packed, good).expect("written");
    world.ends_with(0);
    let listed = Command::new("find").arg(world.desk.path().join("state")).output().expect("find runs");
    assert!(!listed.stdout.contains(&0x1b), "{}", std::ffi::OsStr::from_bytes(&listed.stdout).to_string_lossy());
}
