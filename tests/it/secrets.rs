//! No secret value is anywhere: every password is planted, everything that can say something says it as loudly as it can,
//! and then all of it is searched: output, logs, plans, state, and every object of git.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests panic and print like tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use age::secrecy::ExposeSecret;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::cli_support::Desk;
use crate::git_support;
use crate::support::brokers::{self, Client, KafkaEnv, KafkaVersion, unique_name};

/// The directory of the desk with what a person must keep secret. It is the only place where the values may be.
const KEPT: &str = "kept";

/// A desk with secrets, and everything that the binary said there.
struct World {
    desk: Desk,
    planted: Vec<(String, String)>,
    said: Vec<(String, Vec<u8>)>,
}

impl World {
    fn new() -> Self {
        Self { desk: Desk::new(), planted: Vec::new(), said: Vec::new() }
    }

    /// Makes a value that occurs nowhere else, with a few characters that are written differently in JSON and in URLs.
    fn plant(&mut self, what: &str) -> String {
        let core = unique_name("pw").replace('-', "Zq");
        self.planted.push((what.to_owned(), core.clone()));
        format!("{core}!x%4")
    }

    /// Takes a value that was made elsewhere.
    fn also(&mut self, what: &str, value: &str) {
        self.planted.push((what.to_owned(), value.to_owned()));
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.desk.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs a command with variables, as loudly as possible, and with both forms of the log; the last one's exit code.
    fn run(&mut self, variables: &[(&str, &str)], line: &str) -> i32 {
        let mut code = 0;
        for (filter, format) in [("trace", "json"), ("", "text")] {
            let mut command = self.desk.command();
            command.args(line.split_whitespace()).args(["-vvv", "--log-format", format]).env("RUST_BACKTRACE", "1");
            command.env("RUST_LOG", filter).envs(variables.iter().copied());
            let output = command.output().unwrap();
            code = output.status.code().unwrap();
            self.said.push((format!("stdout of `{line}`"), output.stdout));
            self.said.push((format!("stderr of `{line}`"), output.stderr));
        }
        code
    }

    #[track_caller]
    fn expect(&mut self, code: i32, variables: &[(&str, &str)], line: &str) {
        let found = self.run(variables, line);
        let said: Vec<String> = self.said[self.said.len() - 2..]
            .iter()
            .map(|(_, text)| String::from_utf8_lossy(text).into_owned())
            .collect();
        assert_eq!(found, code, "{line}\n{}", said.join("\n"));
    }

    /// Searches everything that is there for every value in every form.
    fn search(&self) {
        let mut places = self.said.clone();
        for path in files(self.desk.path()) {
            let below = path.strip_prefix(self.desk.path()).unwrap();
            if !below.starts_with(KEPT) {
                places.push((below.display().to_string(), std::fs::read(&path).unwrap()));
            }
        }
        for repository in ["repo", "remote.git"] {
            let directory = self.desk.path().join(repository);
            if directory.exists() {
                places.push((format!("the objects of {repository}"), objects(&directory)));
            }
        }
        let bytes: usize = places.iter().map(|(_, bytes)| bytes.len()).sum();
        println!("searched {} places, {bytes} bytes, for {} values", places.len(), self.planted.len());
        let forms: Vec<(&str, &str, String)> = self
            .planted
            .iter()
            .flat_map(|(what, value)| forms(value).into_iter().map(move |(form, text)| (what.as_str(), form, text)))
            .collect();
        let any: Vec<String> = forms.iter().map(|(_, _, text)| regex::escape(text)).collect();
        let any = regex::bytes::Regex::new(&any.join("|")).unwrap();
        let mut leaks = Vec::new();
        for (place, bytes) in &places {
            for found in any.find_iter(bytes) {
                let (what, form, _) = forms.iter().find(|(_, _, text)| text.as_bytes() == found.as_bytes()).unwrap();
                let around = String::from_utf8_lossy(&bytes[found.start().saturating_sub(120)..found.start()]);
                leaks.push(format!("{what} as {form} in {place}, after: {around}"));
            }
        }
        assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
    }
}

/// The forms in which a value may hide.
fn forms(value: &str) -> Vec<(&'static str, String)> {
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let numbers: Vec<String> = value.bytes().map(|byte| byte.to_string()).collect();
    let mut forms = vec![
        ("text", value.to_owned()),
        ("hex", hex.clone()),
        ("upper-case hex", hex.to_uppercase()),
        ("text backwards", value.chars().rev().collect()),
        ("a list of numbers", numbers.join(", ")),
        ("a dense list of numbers", numbers.join(",")),
    ];
    // In the middle of something longer, base64 has one of three forms.
    for shift in 0..3 {
        let shifted = [&vec![0; shift], value.as_bytes()].concat();
        for (form, encoded) in [("base64", STANDARD.encode(&shifted)), ("url-safe base64", URL_SAFE.encode(&shifted))] {
            let ours = encoded.trim_end_matches('=');
            let (from, to) = ([0, 2, 3][shift], ours.len() - usize::from(shifted.len() % 3 != 0));
            forms.push((form, ours[from..to].to_owned()));
        }
    }
    forms
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn objects(repository: &Path) -> Vec<u8> {
    let output = Command::new("git")
        .arg("-C")
        .arg(repository)
        .args(["cat-file", "--batch-all-objects", "--batch"])
        .output()
        .unwrap();
    assert!(output.status.success() && !output.stdout.is_empty());
    output.stdout
}

#[test]
fn the_search_finds_a_value_in_every_form() {
    let value = unique_name("pw").replace('-', "Zq");
    for text in [
        value.clone(),
        format!("{{\"a\":\"x{value}y\"}}"),
        STANDARD.encode(format!("\0admin\0{value}")),
        STANDARD.encode(format!("\0alice\0{value}!")),
        STANDARD.encode(format!("\0bo\0{value}!!")),
        STANDARD.encode(&value),
        format!("{:?}", value.as_bytes()),
        value.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ] {
        let found = forms(&value).iter().any(|(_, form)| find(text.as_bytes(), form.as_bytes()).is_some());
        assert!(found, "{text}");
    }
}

const DRIFTLESS_YAML: &str =
    "apiVersion: driftless.dev/v1\nkind: Repository\nenvironments:\n  test: {layers: [base]}\n";

fn user(name: &str, secret: &str) -> String {
    format!(
        "apiVersion: kafka.strimzi.io/v1\nkind: KafkaUser\nmetadata: {{name: {name}}}\nspec:\n  authentication:\n    \
         type: scram-sha-512\n    password: {{valueFrom: {{secretKeyRef: {{name: {secret}, key: password}}}}}}\n  \
         authorization:\n    type: simple\n    acls:\n    - resource: {{type: topic, name: {name}}}\n      \
         operations: [Read]\n---\n"
    )
}

/// Three users, one for each source of passwords, and a world with all of it: `kept/secrets`, a variable, an age file.
struct Users {
    names: [String; 3],
    from_directory: String,
    variable: (String, String),
    identity: String,
}

fn users(world: &mut World) -> Users {
    let name = unique_name("user");
    let in_directory = world.plant("a password in the secrets directory");
    let in_variable = world.plant("a password in a variable");
    let in_age_file = world.plant("a password in the age file");
    let secret = |kind: &str| format!("secret-{kind}-{name}");
    let directory = secret("directory");
    world.write(&format!("{KEPT}/secrets/{directory}/password"), &in_directory);
    let identity = age::x25519::Identity::generate();
    let identity_text = identity.to_string().expose_secret().to_owned();
    world.also("the age identity", &identity_text);
    world.write(&format!("{KEPT}/identity.txt"), format!("{identity_text}\n"));
    let map = format!("password: {}\n", serde_json::to_string(&in_age_file).unwrap());
    let encrypted = age::encrypt(&identity.to_public(), map.as_bytes()).unwrap();
    world.write(&format!("repo/secrets/{}.age", secret("age")), encrypted);
    let kinds = ["directory", "variable", "age"];
    let names = kinds.map(|kind| format!("{kind}-{name}"));
    let documents: String = names.iter().zip(kinds).map(|(name, kind)| user(name, &secret(kind))).collect();
    world.write("repo/driftless.yaml", DRIFTLESS_YAML);
    world.write("repo/base/users.yaml", documents);
    git_support::git(world.desk.path(), &["init", "-q", "-b", "main", "repo"]);
    git_support::commit_all(&world.desk.path().join("repo"), "first");
    let variable = format!("DRIFTLESS_SECRET_{}_PASSWORD", secret("variable").to_uppercase().replace('-', "_"));
    Users {
        names,
        from_directory: directory,
        variable: (variable, in_variable),
        identity: format!("{KEPT}/identity.txt"),
    }
}

impl Users {
    fn options(&self) -> String {
        format!("--secrets {KEPT}/secrets --age-identity {}", self.identity)
    }
}

#[test]
fn no_secret_is_anywhere_after_everything_went_well_and_after_everything_failed() {
    let Some(kafka) = brokers::kafka(KafkaVersion::V4) else { return };
    let mut world = World::new();
    let users = users(&mut world);
    everything_goes_well(&mut world, &users, &kafka);
    wrong_secrets(&mut world, &users, &kafka);
    settings_and_git(&mut world, &users, &kafka);
    broken_files(&mut world, &kafka);
    lost_answers(&mut world, &users);
    world.search();
}

fn everything_goes_well(world: &mut World, users: &Users, kafka: &KafkaEnv) {
    world.also("the password that driftless logs in with", kafka.admin_password().trim());
    let properties = std::fs::read(kafka.properties(Client::Admin)).unwrap();
    world.write(&format!("{KEPT}/client.properties"), properties);
    let cluster =
        format!("--bootstrap-server {} --command-config {KEPT}/client.properties", kafka.bootstrap(Client::Admin));
    let (name, value) = users.variable.clone();
    let variable = [(name.as_str(), value.as_str())];
    let options = format!("repo -e test {cluster} {} --state state", users.options());
    world.expect(0, &variable, "validate repo");
    world.expect(0, &variable, &format!("plan {options} --out plan.json"));
    for format in ["text", "json", "markdown"] {
        world.expect(0, &variable, &format!("plan {options} -o {format}"));
        world.expect(0, &[], &format!("show plan.json -o {format}"));
    }
    let saved = format!("apply plan.json --yes {cluster} {} --state state", users.options());
    // Every line runs twice: the second time the plan holds no more, which is a failure to look at too.
    world.expect(1, &variable, &saved);
    world.expect(0, &variable, &format!("apply {options} --yes -o json"));
    let rotated = world.plant("a password that was rotated");
    world.write(&format!("{KEPT}/secrets/{}/password", users.from_directory), rotated);
    world.expect(0, &variable, &format!("plan {options} --out rotated.json -o json"));
    world.expect(0, &variable, &format!("apply {options} --yes -o markdown"));
    for format in ["text", "json", "markdown"] {
        world.expect(0, &variable, &format!("drift {options} --commit -o {format}"));
    }
    world.run(&variable, &format!("import imported -e test {cluster}"));
    // All of that wrote the three credentials, so there was something to leak.
    let listed = kafka.tool(&["configs", "--describe", "--entity-type", "users"]);
    let has = |name: &String| listed.lines().any(|line| line.contains(name) && line.contains("SCRAM-SHA-512"));
    assert!(users.names.iter().all(has), "{listed}");
}

fn wrong_secrets(world: &mut World, users: &Users, kafka: &KafkaEnv) {
    let options = format!("repo -e test {} --state state", users.options());
    let right = std::fs::read_to_string(kafka.properties(Client::Admin)).unwrap();
    let wrong = world.plant("a wrong password to log in with");
    let replaced = right.replace(kafka.admin_password().trim(), &wrong);
    for mechanism in ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] {
        let module = if mechanism == "PLAIN" { "plain.PlainLoginModule" } else { "scram.ScramLoginModule" };
        let text = replaced.replace("SCRAM-SHA-512", mechanism).replace("scram.ScramLoginModule", module);
        world.write(&format!("{KEPT}/wrong.properties"), text);
        let cluster =
            format!("--bootstrap-server {} --command-config {KEPT}/wrong.properties", kafka.bootstrap(Client::Admin));
        world.expect(1, &[], &format!("plan {options} {cluster}"));
        world.expect(1, &[], &format!("apply {options} {cluster} --yes"));
    }
    // Nobody there, and the wrong protocol.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for bootstrap in [closed.to_string(), kafka.bootstrap_plaintext().to_owned()] {
        let cluster = format!("--bootstrap-server {bootstrap} --command-config {KEPT}/client.properties");
        world.expect(1, &[], &format!("plan {options} {cluster}"));
    }
    // Key stores: one that opens, and passwords that do not open it.
    let certificates = Path::new(kafka.get("CA_FILE")).parent().unwrap().to_owned();
    let password = std::fs::read_to_string(certificates.parent().unwrap().join("keystore-password")).unwrap();
    world.also("the password of the key store", password.trim());
    let wrong_store = world.plant("a wrong password of the key store");
    for (password, code) in [(password.trim(), None), (wrong_store.as_str(), Some(()))] {
        let text = format!(
            "security.protocol=SSL\nssl.keystore.type=PKCS12\nssl.keystore.location={0}/client.p12\n\
             ssl.keystore.password={password}\nssl.key.password={password}\nssl.truststore.type=PEM\n\
             ssl.truststore.location={0}/ca.pem\n",
            certificates.display()
        );
        world.write(&format!("{KEPT}/store.properties"), text);
        let cluster =
            format!("--bootstrap-server {} --command-config {KEPT}/store.properties", kafka.bootstrap(Client::Mtls));
        let found = world.run(&[], &format!("plan {options} {cluster}"));
        if code.is_some() {
            assert!([1, 64].contains(&found), "{found}");
        }
    }
    // Secrets that cannot be had.
    let other = age::x25519::Identity::generate();
    world.also("an age identity of somebody else", other.to_string().expose_secret());
    world.write(&format!("{KEPT}/other.txt"), other.to_string().expose_secret());
    let cut = &other.to_string().expose_secret()[..60].to_owned();
    world.write(&format!("{KEPT}/cut.txt"), cut);
    world.also("an age identity that was cut off", &cut[20..]);
    let cluster =
        format!("--bootstrap-server {} --command-config {KEPT}/client.properties", kafka.bootstrap(Client::Admin));
    for identity in ["other.txt", "cut.txt", "client.properties"] {
        let options = format!("repo -e test --age-identity {KEPT}/{identity} {cluster} --state state");
        world.run(&[], &format!("plan {options}"));
        world.run(&[], &format!("apply {options} --yes"));
    }
}

fn settings_and_git(world: &mut World, users: &Users, kafka: &KafkaEnv) {
    let token = world.plant("the token of a git remote");
    let other_token = world.plant("a token in the address of a git remote");
    world.write(&format!("{KEPT}/token"), &token);
    let jaas = std::fs::read_to_string(kafka.properties(Client::Admin)).unwrap();
    let password = kafka.admin_password().trim().to_owned();
    assert!(jaas.contains(&password));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let properties = format!(
        "    bootstrap.servers: \"{}\"\n    security.protocol: SASL_SSL\n    sasl.mechanism: SCRAM-SHA-512\n    \
         ssl.truststore.type: PEM\n    ssl.truststore.location: {}\n    sasl.jaas.config: >-\n      \
         org.apache.kafka.common.security.scram.ScramLoginModule required username=\"admin\" \
         password=\"${{env:ADMIN_PASSWORD}}\";\n",
        kafka.bootstrap(Client::Admin),
        kafka.ca_file().display()
    );
    let safe_token: String = other_token.chars().filter(char::is_ascii_alphanumeric).collect();
    let agent = |extra: &str| {
        format!(
            "apiVersion: driftless.dev/v1\nkind: Agent\nenvironment: test\nsource:\n  url: \"http://{closed}/x.git\"\n  \
             auth: {{username: bot, passwordFile: {}}}\ncluster:\n  properties:\n{properties}report:\n  \
             url: \"http://bot:{safe_token}@{closed}/x.git\"\nstateDirectory: state\n{extra}",
            world.desk.path().join(KEPT).join("token").display()
        )
    };
    let (fine, broken) = (agent(""), agent("secrets: {directory: [\"${env:ADMIN_PASSWORD}\"]}\n"));
    let module = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"admin\" ";
    let badly_typed = fine.replace(module, "");
    world.write(&format!("{KEPT}/agent.yaml"), fine);
    world.write(&format!("{KEPT}/broken.yaml"), broken);
    world.write(&format!("{KEPT}/typed.yaml"), badly_typed);
    let variables = [("ADMIN_PASSWORD", password.as_str()), (users.variable.0.as_str(), users.variable.1.as_str())];
    world.expect(0, &variables, &format!("plan repo --config {KEPT}/agent.yaml {}", users.options()));
    world.expect(1, &variables, &format!("drift repo --config {KEPT}/agent.yaml --commit --push"));
    world.run(&variables, &format!("plan repo --config {KEPT}/broken.yaml"));
    world.expect(64, &variables, &format!("plan repo --config {KEPT}/typed.yaml"));
    world.expect(64, &[], &format!("plan repo --config {KEPT}/agent.yaml"));
}

/// Files whose mistakes are told must be told without the values in them.
fn broken_files(world: &mut World, kafka: &KafkaEnv) {
    let secret = world.plant("a password in a file with mistakes");
    let module = "org.apache.kafka.common.security.scram.ScramLoginModule required";
    for line in [
        format!("sasl.jaas.config={module} username=\"admin\" password=\"{secret};"),
        format!("sasl.jaas.config={module} username=\"admin\" password={secret}"),
        format!("sasl.jaas.config={module} username=\"admin\" \"{secret}\";"),
        format!("sasl.jaas.config={module} {secret};"),
        format!("sasl.jaas.config={secret}"),
        format!("sasl.mechanism={secret}"),
        format!("security.protocol={secret}"),
        format!("ssl.keystore.type=PEM\nssl.keystore.key={secret}\nssl.keystore.certificate.chain={secret}"),
        format!("request.timeout.ms={secret}"),
        format!("sasl.jaas.config={module} username=\"admin\" password=\"\\u{secret}\";"),
    ] {
        // Only what is a password by its name is one.
        let is_secret = line.contains("jaas") || line.contains("keystore.key");
        let text = format!("security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n{line}\n");
        world.write(&format!("{KEPT}/mistaken.properties"), text);
        if is_secret {
            let cluster = format!(
                "--bootstrap-server {} --command-config {KEPT}/mistaken.properties",
                kafka.bootstrap(Client::Admin)
            );
            let code = world.run(&[], &format!("plan repo -e test {cluster}"));
            assert_ne!(code, 0, "{line}");
        }
    }
}

/// A credential whose answer got lost, on the directory cluster, where that can be had.
fn lost_answers(world: &mut World, users: &Users) {
    world.write("sandbox/faults.yaml", "timeOutAfterWrite:\n- operation: upsert-scram\n");
    let (name, value) = users.variable.clone();
    let variable = [(name.as_str(), value.as_str())];
    let options = format!("repo -e test --sandbox sandbox --cluster-id none {} --state state-2", users.options());
    world.run(&variable, &format!("apply {options} --yes"));
    // The repository's inventory belongs to the other cluster, so it takes the naming of this one.
    git_support::git(&world.desk.path().join("repo"), &["branch", "-D", "driftless/test"]);
    let options = options.replace("--cluster-id none ", "");
    world.expect(1, &variable, &format!("apply {options} --yes -o json"));
    let told = world.said.iter().rev().find(|(place, _)| place.starts_with("stdout of `apply")).unwrap();
    assert!(find(&told.1, b"TIMED_OUT").is_some(), "{}", String::from_utf8_lossy(&told.1));
    world.run(&variable, &format!("drift {options} --commit -o json"));
}
