//! Real git servers on loopback, as a user of this machine runs them: sshd, and nginx with git's own program behind a login. The
//! agent follows and reports through both; wrong keys, certificates and passwords are told apart and nothing is applied.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::agent_loop::is_synced;
use crate::agent_support::{AgentDesk, RunningAgent, eventually, topic};
use crate::git_support::{git, is_there, write};
use crate::support::ports::free_port;

/// A server of a test; ends with the value.
pub(crate) struct Served {
    processes: Vec<Child>,
    pub(crate) port: u16,
}

impl Drop for Served {
    fn drop(&mut self) {
        for process in &mut self.processes {
            drop(process.kill());
            drop(process.wait());
        }
    }
}

#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned()
}

fn ssh_key(path: &Path, passphrase: &str) {
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", passphrase, "-f"]).arg(path));
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("changed");
}

/// Waits until a server listens.
fn wait_for(port: u16, log: &Path) {
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("the server did not start: {}", std::fs::read_to_string(log).unwrap_or_default());
}

/// Starts sshd for the user that runs the tests, who may only log in with the key `id`.
pub(crate) fn sshd(world: &AgentDesk) -> Option<Served> {
    if !(is_there("sshd") && is_there("ssh-keygen")) {
        return None;
    }
    let directory = world.desk.path().join("sshd");
    std::fs::create_dir(&directory).expect("made");
    ssh_key(&directory.join("host"), "");
    ssh_key(&directory.join("other-host"), "");
    ssh_key(&world.desk.path().join("id"), "");
    ssh_key(&world.desk.path().join("id-locked"), "open sesame");
    ssh_key(&world.desk.path().join("id-stranger"), "");
    let public = |name: &str| std::fs::read_to_string(world.desk.path().join(name)).expect("a key");
    std::fs::write(directory.join("authorized"), public("id.pub") + &public("id-locked.pub")).expect("written");
    set_mode(&directory.join("authorized"), 0o600);
    let port = free_port();
    let settings = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\nPidFile none\nUsePAM no\n\
         StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
         AllowTcpForwarding no\nX11Forwarding no\nLogLevel VERBOSE\n",
        directory.display()
    );
    std::fs::write(directory.join("sshd_config"), settings).expect("written");
    let is_root = run(Command::new("id").arg("-u")) == "0";
    if is_root {
        // sshd of Debian wants its empty directory when root starts it.
        drop(std::fs::create_dir_all("/run/sshd"));
    }
    let log = directory.join("log");
    let program = if Path::new("/usr/sbin/sshd").exists() { "/usr/sbin/sshd" } else { "sshd" };
    let process = Command::new(program)
        .args(["-D", "-e", "-f"])
        .arg(directory.join("sshd_config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).expect("made"))
        .spawn()
        .expect("sshd runs");
    let served = Served { processes: vec![process], port };
    wait_for(port, &log);
    Some(served)
}

/// Writes the settings of an agent whose source is at a server.
fn configure(world: &AgentDesk, url: &str, auth: &str, more: &str) {
    let text = format!(
        "apiVersion: driftless.dev/v1\nkind: Agent\nenvironment: prod\nsource: {{url: '{url}', interval: 1s, auth: {{{auth}}}}}\n\
         stateDirectory: state\ncluster: {{sandbox: cluster}}\n{more}\n"
    );
    write(world.desk.path(), &[("agent.yaml", &text)]);
}

#[track_caller]
fn fails_with(world: &AgentDesk, what: &str, words: &str) {
    let outcome = world.once_ends_with(1);
    assert!(outcome.stderr.contains("SourceFailed"), "{what}: {}", outcome.stderr);
    assert!(outcome.stderr.contains(words), "{what}: `{words}` is not in {}", outcome.stderr);
}

#[test]
fn an_agent_works_through_a_real_ssh_server_and_only_the_right_one() {
    let world = AgentDesk::new("");
    let Some(server) = sshd(&world) else { return };
    let user = run(Command::new("id").arg("-un"));
    let port = server.port;
    let url = format!("ssh://{user}@127.0.0.1:{port}{}", world.remote().display());
    let host = |name: &str| {
        let text = std::fs::read_to_string(world.desk.path().join("sshd").join(name)).expect("a key");
        let words: Vec<&str> = text.split(' ').collect();
        format!("[127.0.0.1]:{port} {} {}\n", words[0], words[1])
    };
    write(
        world.desk.path(),
        &[
            ("known", &host("host.pub")),
            ("known-other", &host("other-host.pub")),
            ("known-revoked", &format!("{}@revoked {}", host("host.pub"), host("host.pub"))),
            ("known-none", ""),
            ("passphrase", "open sesame\n"),
            ("passphrase-wrong", "open rice\n"),
        ],
    );
    for (what, auth, words) in [
        ("another host key", "sshKeyFile: id, knownHostsFile: known-other", "host key"),
        ("a revoked host key", "sshKeyFile: id, knownHostsFile: known-revoked", "host key"),
        ("no known host", "sshKeyFile: id, knownHostsFile: known-none", "host key"),
        ("no file of hosts", "sshKeyFile: id, knownHostsFile: nowhere", "host key"),
        ("hosts of the user's own", "sshKeyFile: id", "host key"),
        (
            "a key that the server does not know",
            "sshKeyFile: id-stranger, knownHostsFile: known",
            "the configured ssh key",
        ),
        ("no key", "sshKeyFile: nowhere, knownHostsFile: known", "nowhere"),
        ("no passphrase", "sshKeyFile: id-locked, knownHostsFile: known", "has a passphrase"),
        (
            "a wrong passphrase",
            "sshKeyFile: id-locked, sshKeyPassphraseFile: passphrase-wrong, knownHostsFile: known",
            "fetch from",
        ),
    ] {
        configure(&world, &url, auth, "");
        fails_with(&world, what, words);
        assert!(world.on_cluster("orders").is_none(), "{what}");
    }
    for (what, auth) in [
        ("a key", "sshKeyFile: id, knownHostsFile: known"),
        ("a key with a passphrase", "sshKeyFile: id-locked, sshKeyPassphraseFile: passphrase, knownHostsFile: known"),
    ] {
        configure(&world, &url, auth, "");
        world.push(what, &[("base/more.yaml", &topic("more", u64::try_from(what.len()).expect("short")))]);
        world.ends_with(0);
        assert_eq!(world.status().0, "Synced", "{what}");
    }
    // The report has a credential of its own: the one for the source may be one that only reads.
    configure(
        &world,
        &format!("file://{}", world.remote().display()),
        "",
        &format!("report: {{url: '{url}', auth: {{sshKeyFile: id, knownHostsFile: known}}}}"),
    );
    world.push("own", &[("base/own.yaml", &topic("own", 1))]);
    world.ends_with(0);
    assert!(world.reported("status.json").is_some_and(|status| status.contains("\"Synced\"")));
}

/// Starts nginx with TLS and a login before git's own program.
struct Https {
    _served: Served,
    port: u16,
    directory: PathBuf,
}

impl Https {
    fn start(world: &AgentDesk) -> Option<Self> {
        if !(is_there("nginx") && is_there("fcgiwrap") && is_there("openssl")) {
            return None;
        }
        let directory = world.desk.path().join("https");
        std::fs::create_dir(&directory).expect("made");
        for name in ["ca", "other-ca"] {
            run(Command::new("openssl")
                .current_dir(&directory)
                .args([
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                ])
                .arg(format!("/CN={name}"))
                .args(["-addext", "basicConstraints=critical,CA:TRUE", "-keyout"])
                .arg(format!("{name}.key"))
                .arg("-out")
                .arg(format!("{name}.pem")));
        }
        std::fs::write(directory.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n").expect("written");
        run(Command::new("openssl").current_dir(&directory).args([
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
        ]));
        run(Command::new("openssl").current_dir(&directory).args([
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "names",
            "-out",
            "server.pem",
        ]));
        let port = free_port();
        let this = directory.display();
        let backend = PathBuf::from(git(world.desk.path(), &["--exec-path"])).join("git-http-backend");
        let settings = format!(
            "daemon off;\nmaster_process off;\npid {this}/pid;\nerror_log {this}/error.log;\nevents {{}}\nhttp {{\n  access_log \
             {this}/access.log;\n  client_body_temp_path {this}/body;\n  fastcgi_temp_path {this}/fcgi;\n  proxy_temp_path \
             {this}/proxy;\n  scgi_temp_path {this}/scgi;\n  uwsgi_temp_path {this}/uwsgi;\n  client_max_body_size 0;\n  server {{\n    \
             listen 127.0.0.1:{port} ssl;\n    ssl_certificate {this}/server.pem;\n    ssl_certificate_key {this}/server.key;\n    \
             location / {{\n      auth_basic git;\n      auth_basic_user_file {this}/users;\n      fastcgi_pass \
             unix:{this}/fcgi.sock;\n      fastcgi_param SCRIPT_FILENAME {};\n      fastcgi_param GIT_HTTP_EXPORT_ALL 1;\n      \
             fastcgi_param GIT_PROJECT_ROOT {};\n      fastcgi_param PATH_INFO $uri;\n      fastcgi_param REMOTE_USER \
             $remote_user;\n      fastcgi_param QUERY_STRING $query_string;\n      fastcgi_param REQUEST_METHOD \
             $request_method;\n      fastcgi_param CONTENT_TYPE $content_type;\n      fastcgi_param CONTENT_LENGTH \
             $content_length;\n      fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;\n    }}\n  }}\n}}\n{}",
            backend.display(),
            world.desk.path().display(),
            if run(Command::new("id").arg("-u")) == "0" { "user root;\n" } else { "" },
        );
        std::fs::write(directory.join("nginx.conf"), settings).expect("written");
        let https = Self { _served: Served { processes: Vec::new(), port }, port, directory };
        https.users(&[("bot", "hunter2")]);
        let mut processes = Vec::new();
        let wrap = if Path::new("/usr/sbin/fcgiwrap").exists() { "/usr/sbin/fcgiwrap" } else { "fcgiwrap" };
        let socket = format!("unix:{}/fcgi.sock", https.directory.display());
        let mut command = Command::new(wrap);
        command.args(["-s", &socket]).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", world.desk.path());
        command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*");
        processes.push(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("fcgiwrap runs"));
        let nginx = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
        let mut command = Command::new(nginx);
        command.arg("-p").arg(&https.directory).arg("-c").arg(https.directory.join("nginx.conf"));
        command.arg("-e").arg(https.directory.join("error.log"));
        processes.push(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("nginx runs"));
        let https = Self { _served: Served { processes, port }, ..https };
        wait_for(port, &https.directory.join("error.log"));
        Some(https)
    }

    /// Replaces who may log in. nginx reads the file for every request.
    fn users(&self, users: &[(&str, &str)]) {
        let mut file = std::fs::File::create(self.directory.join("users")).expect("made");
        for (name, password) in users {
            let digest = run(Command::new("openssl").args(["passwd", "-apr1", password]));
            writeln!(file, "{name}:{digest}").expect("written");
        }
    }
}

#[test]
fn an_agent_works_through_a_real_https_server_and_survives_that_its_password_is_revoked() {
    let world = AgentDesk::new("");
    let Some(server) = Https::start(&world) else { return };
    git(&world.remote(), &["config", "http.receivepack", "true"]);
    let url = format!("https://127.0.0.1:{}/remote.git", server.port);
    write(
        world.desk.path(),
        &[("password", "hunter2\n"), ("password-wrong", "hunter3\n"), ("password-new", "correct horse\n")],
    );
    for (what, auth, words) in [
        ("an unknown authority", "username: bot, passwordFile: password", "certificate"),
        ("another authority", "username: bot, passwordFile: password, caFile: https/other-ca.pem", "certificate"),
        (
            "a wrong password",
            "username: bot, passwordFile: password-wrong, caFile: https/ca.pem",
            "the configured token",
        ),
        ("a wrong user", "username: eve, passwordFile: password, caFile: https/ca.pem", "the configured token"),
        ("no password", "username: bot, caFile: https/ca.pem", "git's credential helper"),
    ] {
        configure(&world, &url, auth, "");
        fails_with(&world, what, words);
        assert!(world.on_cluster("orders").is_none(), "{what}");
        let outcome = world.once();
        assert!(!outcome.stderr.contains("hunter"), "{what}: {}", outcome.stderr);
    }
    configure(&world, &url, "username: bot, passwordFile: password, caFile: https/ca.pem", "");
    let agent = RunningAgent::start(&world);
    eventually(&world, "the first apply", || is_synced(&world));
    server.users(&[("bot", "correct horse")]);
    let log = || std::fs::read_to_string(world.desk.path().join("agent.log")).expect("a log");
    world.push("more", &[("base/more.yaml", &topic("more", 1))]);
    std::thread::sleep(Duration::from_secs(3));
    assert!(world.on_cluster("more").is_none());
    // The new password comes to this machine as such files do: written beside it, and renamed.
    std::fs::rename(world.desk.path().join("password-new"), world.desk.path().join("password")).expect("renamed");
    eventually(&world, "the new password", || world.on_cluster("more").is_some() && is_synced(&world));
    assert!(!log().contains("hunter") && !log().contains("horse"), "{}", log());
    assert_eq!(agent.end(), Some(0));
}
