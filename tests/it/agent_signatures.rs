//! Whose commits an agent follows: signatures that the real `git`, `ssh-keygen` and `gpg` made.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::agent_support::{AgentDesk, topic};
use crate::git_support::{git, git_with_input, is_there, write};

/// Who signs the next commits of the clone.
enum Signer {
    Nobody,
    Ssh(PathBuf),
    /// The program to run as `gpg`, and the key.
    OpenPgp(PathBuf, String),
}

/// An agent's desk with a directory of trusted keys, and keys beside it.
struct Signed {
    world: AgentDesk,
    n_commits: std::cell::Cell<u32>,
}

impl Signed {
    fn new(mode: &str) -> Self {
        let signed = Self { world: AgentDesk::new(""), n_commits: std::cell::Cell::new(0) };
        std::fs::create_dir_all(signed.path("trusted")).expect("made");
        signed.verify(mode, "");
        signed
    }

    fn verify(&self, mode: &str, more: &str) {
        self.world.configure_source(&format!(", verify: {{mode: {mode}, keys: [trusted/]}}{more}"), "");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.desk.path().join(name)
    }

    /// Makes an SSH key pair; the public half is beside it, with `.pub`.
    fn ssh_key(&self, name: &str, kind: &[&str]) -> PathBuf {
        let key = self.path(name);
        run(Command::new("ssh-keygen").args(["-q", "-N", "", "-C", name, "-f"]).arg(&key).arg("-t").args(kind));
        key
    }

    fn trust(&self, key: &Path) {
        let public = std::fs::read(key.with_extension("pub")).expect("a public key");
        let name = key.file_name().expect("a name").to_string_lossy();
        std::fs::write(self.path("trusted").join(format!("{name}.pub")), public).expect("written");
    }

    fn distrust(&self) {
        std::fs::remove_dir_all(self.path("trusted")).expect("removed");
        std::fs::create_dir_all(self.path("trusted")).expect("made");
    }

    /// Commits as `git commit -S` does, and pushes.
    fn push(&self, signer: &Signer, message: &str) -> String {
        self.sign_with(signer);
        self.n_commits.set(self.n_commits.get() + 1);
        let name = format!("base/t{}.yaml", self.n_commits.get());
        self.world.push(message, &[(&name, &topic(&format!("t{}", self.n_commits.get()), 1))])
    }

    fn sign_with(&self, signer: &Signer) {
        let clone = self.world.clone();
        let set = |key: &str, value: &str| git(&clone, &["config", key, value]);
        set("commit.gpgsign", "true");
        match signer {
            Signer::Nobody => set("commit.gpgsign", "false"),
            Signer::Ssh(key) => {
                set("gpg.format", "ssh");
                set("user.signingkey", &key.display().to_string())
            }
            Signer::OpenPgp(program, key) => {
                set("gpg.format", "openpgp");
                set("gpg.program", &program.display().to_string());
                set("user.signingkey", key)
            }
        };
    }

    /// The files of the cluster's topics.
    fn topics(&self) -> Vec<PathBuf> {
        let files = if self.world.cluster().exists() { self.world.cluster_bytes() } else { Vec::new() };
        files.into_iter().map(|(path, _)| path).filter(|path| path.to_string_lossy().contains("topic")).collect()
    }

    /// Makes a pass: it applied the last commit, or stopped at it with these words and without touching the cluster.
    #[track_caller]
    fn check(&self, what: &str, refused: Option<&str>) {
        let before = self.topics();
        let outcome = self.world.once();
        let last = format!("t{}", self.n_commits.get());
        match refused {
            None => {
                assert_eq!(outcome.code, 0, "{what}: {}{}", outcome.stdout, outcome.stderr);
                assert!(self.world.on_cluster(&last).is_some(), "{what}");
            }
            Some(words) => {
                assert_eq!(outcome.code, 1, "{what}: {}{}", outcome.stdout, outcome.stderr);
                let condition = ("Unknown".into(), "SourceUntrusted".into(), "True".into());
                assert_eq!(self.world.status(), condition, "{what}");
                assert!(outcome.stderr.contains(words), "{what}: `{words}` is not in {}", outcome.stderr);
                assert_eq!(self.topics(), before, "{what}");
            }
        }
    }
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned()
}

fn fingerprint(key: &Path) -> String {
    let shown = run(Command::new("ssh-keygen").arg("-lf").arg(key.with_extension("pub")));
    shown.split(' ').nth(1).expect("a fingerprint").to_owned()
}

#[test]
fn only_a_head_that_a_trusted_ssh_key_signed_is_applied() {
    let signed = Signed::new("head");
    for (name, kind) in [
        ("ed25519", &["ed25519"][..]),
        ("p256", &["ecdsa", "-b", "256"]),
        ("p384", &["ecdsa", "-b", "384"]),
        ("p521", &["ecdsa", "-b", "521"]),
        ("rsa", &["rsa", "-b", "2048"]),
    ] {
        let key = signed.ssh_key(name, kind);
        signed.push(&Signer::Ssh(key.clone()), name);
        // Somebody must be trusted for the settings to make sense.
        signed.trust(&signed.ssh_key(&format!("other-{name}"), &["ed25519"]));
        signed.check(name, Some(&format!("SSH key `{}`, which is none of the trusted keys", fingerprint(&key))));
        signed.trust(&key);
        signed.check(name, None);
        signed.distrust();
    }
    signed.trust(&signed.path("ed25519"));
    let head = signed.push(&Signer::Nobody, "unsigned");
    signed.check("unsigned", Some(&format!("`{head}` is not signed")));
    // On top of it a signed one: in this mode only the head is looked at.
    signed.push(&Signer::Ssh(signed.path("ed25519")), "signed again");
    signed.check("signed again", None);
    // An allowed signers file, as git itself uses it.
    let public = std::fs::read_to_string(signed.path("rsa.pub")).expect("a key");
    signed.push(&Signer::Ssh(signed.path("rsa")), "allowed");
    for (line, refused) in [
        (format!("me@example.org namespaces=\"git\" {public}"), None),
        (format!("me@example.org namespaces=\"file\" {public}"), Some("not trusted for the namespace `git`")),
        (format!("me@example.org valid-before=\"20200101\" {public}"), Some("expired at 2020-01-01")),
    ] {
        signed.distrust();
        write(&signed.path("trusted"), &[("allowed_signers", &line)]);
        signed.check(&line, refused);
    }
}

#[test]
fn a_signature_that_does_not_fit_is_told_from_a_missing_one() {
    let signed = Signed::new("head");
    let key = signed.ssh_key("key", &["ed25519"]);
    signed.trust(&key);
    let good = signed.push(&Signer::Ssh(key.clone()), "good");
    let clone = signed.world.clone();
    let object = git(&clone, &["cat-file", "commit", &good]) + "\n";
    let other_tree = git(&clone, &["rev-parse", "HEAD~1^{tree}"]);
    let tree = git(&clone, &["rev-parse", "HEAD^{tree}"]);
    let unsigned = object.lines().filter(|line| !line.starts_with(' ') && !line.starts_with("gpgsig"));
    let unsigned: Vec<&str> = unsigned.collect();
    let signature: Vec<&str> =
        object.lines().filter(|line| line.starts_with(' ') || line.starts_with("gpgsig")).collect();
    let (signature, unsigned) = (signature.join("\n"), unsigned.join("\n") + "\n");
    let for_files = {
        write(signed.world.desk.path(), &[("payload", &unsigned)]);
        run(Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", "file", "-f"])
            .arg(&key)
            .arg(signed.path("payload")));
        let text = std::fs::read_to_string(signed.path("payload.sig")).expect("a signature");
        unsigned.replacen("\n\n", &format!("\ngpgsig {}\n\n", text.trim_end().replace('\n', "\n ")), 1)
    };
    for (what, forged, words) in [
        ("another tree", object.replace(&tree, &other_tree), "it does not fit the commit"),
        ("another message", object.replace("good", "evil"), "it does not fit the commit"),
        ("in the message", unsigned.replacen("\n\n", &format!("\n\n{signature}\n"), 1), "is not signed"),
        ("two", object.replacen("gpgsig ", &format!("{signature}\ngpgsig "), 1), "there are two of them"),
        ("for files", for_files, "it was made for `file`"),
        ("nonsense", unsigned.replacen("\n\n", "\ngpgsig nonsense\n\n", 1), "neither an SSH nor an OpenPGP"),
        (
            "cut off",
            unsigned.replacen("\n\n", "\ngpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n\n", 1),
            "a signature that cannot be read",
        ),
    ] {
        let id = git_with_input(&clone, &["hash-object", "-t", "commit", "-w", "--stdin", "--literally"], &forged);
        git(&clone, &["push", "-q", "--force", "origin", &format!("{id}:refs/heads/main")]);
        signed.check(what, Some(words));
    }
    git(&clone, &["push", "-q", "--force", "origin", "main"]);
    signed.check("the good one", None);
}

#[test]
fn every_commit_since_the_last_applied_one_must_be_signed_and_merges_are_commits() {
    let signed = Signed::new("every-commit");
    let (trusted, stranger) = (signed.ssh_key("trusted-key", &["ed25519"]), signed.ssh_key("stranger", &["ed25519"]));
    signed.trust(&trusted);
    let (trusted, stranger) = (Signer::Ssh(trusted), Signer::Ssh(stranger));
    let first = git(&signed.world.clone(), &["rev-parse", "HEAD"]);
    // Nothing was applied yet, so the whole history counts, until the settings vouch for what came before.
    signed.push(&trusted, "signed");
    signed.check("an unsigned past", Some(&format!("`{first}` is not signed")));
    signed.verify("every-commit", &format!(", acceptRevision: {first}"));
    signed.check("a past that the settings vouch for", None);
    signed.verify("every-commit", "");
    signed.push(&stranger, "by a stranger");
    let below = git(&signed.world.clone(), &["rev-parse", "HEAD"]);
    signed.push(&trusted, "signed on top");
    signed.check("a stranger below the head", Some(&format!("`{below}` is signed with the SSH key")));
    git(&signed.world.clone(), &["reset", "-q", "--hard", "HEAD~2"]);
    signed.push(&trusted, "signed instead");
    signed.check("all signed", None);

    // A branch of a stranger, merged by somebody who is trusted; then merged without a signature, as a forge may do.
    let clone = signed.world.clone();
    for (branch, by, merged_by, refused) in [
        ("one", &stranger, &trusted, true),
        ("two", &trusted, &Signer::Nobody, true),
        ("three", &trusted, &trusted, false),
    ] {
        let base = git(&clone, &["rev-parse", "HEAD"]);
        git(&clone, &["checkout", "-q", "-b", branch]);
        signed.sign_with(by);
        git(&clone, &["commit", "-q", "--allow-empty", "-m", branch]);
        git(&clone, &["checkout", "-q", "main"]);
        signed.sign_with(merged_by);
        git(&clone, &["merge", "-q", "--no-ff", "-m", "merge", branch]);
        git(&clone, &["push", "-q", "--force", "origin", "main"]);
        signed.check(branch, refused.then_some("The commit `"));
        if refused {
            git(&clone, &["reset", "-q", "--hard", &base]);
        }
    }

    // Whoever may write to git can write the report branch, but it shortens nothing.
    let evil = signed.push(&Signer::Nobody, "unsigned");
    let report = git(&clone, &["ls-remote", "origin", "refs/heads/driftless/prod"]);
    assert!(!report.is_empty());
    git(&clone, &["fetch", "-q", "origin", "driftless/prod"]);
    let status = git(&clone, &["show", "FETCH_HEAD:status.json"]);
    let applied = git(&clone, &["rev-parse", "HEAD~1"]);
    assert!(status.contains(&applied), "{status}");
    let blob = git_with_input(&clone, &["hash-object", "-w", "--stdin"], &status.replace(&applied, &evil));
    git(&clone, &["checkout", "-q", "--detach", "FETCH_HEAD"]);
    git(&clone, &["update-index", "--cacheinfo", &format!("100644,{blob},status.json")]);
    git(&clone, &["commit", "-q", "-m", "forged"]);
    git(&clone, &["push", "-q", "origin", "HEAD:refs/heads/driftless/prod"]);
    signed.check("a forged report", Some(&format!("`{evil}` is not signed")));
}

#[test]
fn a_replaced_branch_is_followed_when_a_trusted_key_signed_what_it_replaces() {
    let signed = Signed::new("head");
    let key = signed.ssh_key("key", &["ed25519"]);
    signed.trust(&key);
    let key = Signer::Ssh(key);
    let clone = signed.world.clone();
    let first = git(&clone, &["rev-parse", "HEAD"]);
    let applied = signed.push(&key, "applied");
    signed.check("applied", None);
    let replaced = "does not descend from";
    for (what, signer, message, refused) in [
        ("signed, and says nothing", &key, "other".to_owned(), Some(replaced)),
        ("names something else", &key, format!("other\n\nDriftless-Replaces: {first}"), Some(replaced)),
        ("unsigned", &Signer::Nobody, format!("other\n\nDriftless-Replaces: {applied}"), Some(replaced)),
        ("signed, and names it", &key, format!("other\n\nDriftless-Replaces: {applied}"), None),
    ] {
        git(&clone, &["reset", "-q", "--hard", &first]);
        signed.push(signer, &message);
        signed.check(what, refused);
    }
    // It was good for that once: the branch that it replaced does not come back.
    let old = applied.clone();
    git(&clone, &["push", "-q", "--force", "origin", &format!("{old}:refs/heads/main")]);
    signed.check("the old branch again", Some(replaced));
}

#[test]
fn keys_that_cannot_be_used_stop_the_agent_before_it_starts() {
    let signed = Signed::new("head");
    for (files, words) in [
        (&[][..], "there is no trusted key"),
        (&[("README.md", "not a key")], "there is no trusted key"),
        (&[("a.pub", "nonsense")], "a.pub` cannot be used: it line 1: is neither a public key"),
        (&[("a.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n")], "a.asc`"),
        (&[("allowed_signers", "* cert-authority ssh-ed25519 AAAA")], "allowed_signers`"),
    ] {
        signed.distrust();
        write(&signed.path("trusted"), files);
        let outcome = signed.world.once_ends_with(64);
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
    }
    std::fs::remove_dir_all(signed.path("trusted")).expect("removed");
    assert!(signed.world.once_ends_with(64).stderr.contains("trusted"));
    assert_eq!(signed.topics(), Vec::<PathBuf>::new());
}

/// A home of GnuPG; its agent ends with the value.
struct Gpg(PathBuf);

impl Gpg {
    /// `None` where there is no gpg, which CI must have.
    fn new(signed: &Signed) -> Option<Self> {
        if !is_there("gpg") {
            return None;
        }
        let home = signed.path("gnupg");
        std::fs::create_dir(&home).expect("made");
        run(Command::new("chmod").arg("700").arg(&home));
        Some(Self(home))
    }

    /// A program that git runs as gpg, at that time (`20260101T000000`, or empty for now).
    fn program(&self, time: &str) -> PathBuf {
        let faked = if time.is_empty() { String::new() } else { format!("--faked-system-time {time}!") };
        let path = self.0.join(format!("gpg-{time}"));
        let script = format!("#!/bin/sh\nexec gpg --homedir '{}' --batch --quiet {faked} \"$@\"\n", self.0.display());
        std::fs::write(&path, script).expect("written");
        run(Command::new("chmod").arg("755").arg(&path));
        path
    }

    fn run(&self, time: &str, args: &[&str]) -> String {
        run(Command::new(self.program(time)).args(args))
    }

    /// Makes a primary key; returns its fingerprint.
    fn key(&self, time: &str, name: &str, kind: &str, usage: &str, expires: &str) -> String {
        let user = format!("{name} <{name}@example.org>");
        self.run(time, &["--passphrase", "", "--quick-gen-key", &user, kind, usage, expires]);
        self.fingerprints(name)[0].clone()
    }

    /// The fingerprints of a key and its subkeys.
    fn fingerprints(&self, name: &str) -> Vec<String> {
        let listed = self.run("", &["--with-colons", "--list-keys", &format!("<{name}@example.org>")]);
        let lines = listed.lines().filter(|line| line.starts_with("fpr:"));
        lines.map(|line| line.split(':').nth(9).expect("a fingerprint").to_owned()).collect()
    }

    fn export(&self, signed: &Signed, name: &str, armored: bool) {
        let file = signed.path("trusted").join(format!("{name}.{}", if armored { "asc" } else { "gpg" }));
        let mut args = vec!["--yes", "--output", file.to_str().expect("UTF-8")];
        if armored {
            args.push("--armor");
        }
        let user = format!("<{name}@example.org>");
        args.extend(["--export", &user]);
        self.run("", &args);
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        drop(Command::new("gpgconf").arg("--homedir").arg(&self.0).args(["--kill", "all"]).status());
    }
}

#[test]
fn openpgp_signatures_count_while_their_key_does() {
    let signed = Signed::new("head");
    let Some(gpg) = Gpg::new(&signed) else { return };
    let past = "20250101T000000";
    for (name, time, kind, usage, expires) in [
        ("edwards", "", "ed25519", "sign", "never"),
        ("rsa", "", "rsa2048", "sign", "2y"),
        ("nist", "", "nistp256", "sign", "never"),
        ("expired", past, "ed25519", "sign", "10d"),
        ("revoked", "", "ed25519", "sign", "never"),
        ("subkey", "", "ed25519", "cert", "never"),
        ("oldsubkey", past, "ed25519", "cert", "never"),
        ("stranger", "", "ed25519", "sign", "never"),
    ] {
        gpg.key(time, name, kind, usage, expires);
    }
    let primary = |name: &str| gpg.fingerprints(name)[0].clone();
    gpg.run("", &["--passphrase", "", "--quick-add-key", &primary("subkey"), "ed25519", "sign", "never"]);
    gpg.run(past, &["--passphrase", "", "--quick-add-key", &primary("oldsubkey"), "ed25519", "sign", "10d"]);
    for (what, name, nth, time, armored, words) in [
        ("armored", "edwards", 0, "", true, None),
        ("binary", "edwards", 0, "", false, None),
        ("RSA", "rsa", 0, "", true, None),
        ("ECDSA", "nist", 0, "", true, None),
        ("a subkey for signing", "subkey", 1, "", true, None),
        (
            "an expired key, and a date before",
            "expired",
            0,
            "20250103T000000",
            true,
            Some("which expired at 2025-01-11"),
        ),
        ("an expired subkey", "oldsubkey", 1, "20250103T000000", true, Some("which expired at 2025-01-11")),
    ] {
        signed.distrust();
        gpg.export(&signed, name, armored);
        let fingerprint = gpg.fingerprints(name)[nth].clone();
        signed.push(&Signer::OpenPgp(gpg.program(time), format!("{fingerprint}!")), what);
        let named = words.map(|words| format!("OpenPGP key `{fingerprint}`, {words}"));
        signed.check(what, named.as_deref());
    }
    signed.distrust();
    gpg.export(&signed, "edwards", true);
    let stranger = primary("stranger");
    signed.push(&Signer::OpenPgp(gpg.program(""), stranger.clone()), "a stranger");
    signed.check("a stranger", Some(&format!("OpenPGP key `{stranger}`, which is none of the trusted keys")));

    // Signed while the key was good; then it is revoked, and the new public key comes to this machine.
    let revoked = primary("revoked");
    gpg.export(&signed, "revoked", true);
    signed.push(&Signer::OpenPgp(gpg.program(""), revoked.clone()), "revoked later");
    signed.check("not yet revoked", None);
    let certificate = std::fs::read_to_string(gpg.0.join(format!("openpgp-revocs.d/{revoked}.rev"))).expect("made");
    std::fs::write(gpg.0.join("revocation"), certificate.replace(":-----BEGIN", "-----BEGIN")).expect("written");
    gpg.run("", &["--import", gpg.0.join("revocation").to_str().expect("UTF-8")]);
    gpg.export(&signed, "revoked", true);
    signed.check("revoked", Some(&format!("OpenPGP key `{revoked}`, which is revoked")));

    // A signature that another commit has.
    let clone = signed.world.clone();
    let good = signed.push(&Signer::OpenPgp(gpg.program(""), primary("edwards")), "good");
    let forged = git(&clone, &["cat-file", "commit", &good]).replace("good", "evil") + "\n";
    let id = git_with_input(&clone, &["hash-object", "-t", "commit", "-w", "--stdin"], &forged);
    git(&clone, &["push", "-q", "--force", "origin", &format!("{id}:refs/heads/main")]);
    signed.check("forged", Some("it does not fit the commit"));
}
