//! Where passwords are found, and what is said when they are not.

use std::cell::Cell;
use std::io::Write;

use age::secrecy::ExposeSecret;

use super::*;

/// A machine with files and variables, and a repository with age files.
#[derive(Default)]
struct World {
    files: BTreeMap<PathBuf, Vec<u8>>,
    variables: BTreeMap<String, String>,
    snapshot: Snapshot,
    options: SecretOptions,
    reads: Cell<usize>,
}

impl World {
    fn new() -> Self {
        Self {
            options: SecretOptions {
                directory: Some(PathBuf::from("/secrets")),
                age_identity_file: Some(PathBuf::from("/identity")),
            },
            ..Self::default()
        }
    }

    fn file(mut self, path: &str, content: &[u8]) -> Self {
        self.files.insert(PathBuf::from(path), content.to_vec());
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Puts a file into the repository that the identity on this machine can decrypt.
    fn age_file(self, name: &str, content: &str) -> Self {
        let identity = age::x25519::Identity::generate();
        let recipient = identity.to_public();
        let encryptor =
            age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).expect("one recipient");
        let encrypted = finish(encryptor, content);
        let mut world =
            self.file("/identity", format!("# made for a test\n{}\n", identity.to_string().expose_secret()).as_bytes());
        world.snapshot.files.insert(format!("secrets/{name}.age"), SnapshotFile::Content(encrypted));
        world
    }

    fn with_store<T>(&self, run: impl FnOnce(&SecretStore<'_>) -> T) -> T {
        let environment = |name: &str| self.variables.get(name).cloned();
        let read_file = |path: &Path| {
            self.reads.set(self.reads.get() + 1);
            self.files.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        };
        let surroundings = Surroundings { environment: &environment, read_file: &read_file };
        run(&SecretStore::new(&self.options, &self.snapshot, surroundings))
    }

    fn resolve(&self, name: &str, key: &str) -> Result<String, String> {
        self.with_store(|store| match store.resolve(&reference(name, key)) {
            Ok(secret) => Ok(String::from_utf8(secret.expose().to_vec()).expect("checked")),
            Err(problem) => Err(problem.to_string()),
        })
    }
}

fn reference(name: &str, key: &str) -> SecretReference {
    SecretReference { name: name.to_owned(), key: key.to_owned() }
}

fn finish(encryptor: age::Encryptor, content: &str) -> Vec<u8> {
    let mut encrypted = Vec::new();
    let armored =
        age::armor::ArmoredWriter::wrap_output(&mut encrypted, age::armor::Format::AsciiArmor).expect("armour");
    let mut writer = encryptor.wrap_output(armored).expect("header");
    writer.write_all(content.as_bytes()).expect("content");
    writer.finish().and_then(age::armor::ArmoredWriter::finish).expect("end");
    encrypted
}

#[test]
fn the_first_source_that_has_a_secret_wins() {
    let all = World::new().file("/secrets/app/password", b"from the directory").age_file("app", "password: from age\n");
    let all = all.variable("DRIFTLESS_SECRET_APP_PASSWORD", "from the variable");
    assert_eq!(all.resolve("app", "password").as_deref(), Ok("from the directory"));
    let two = World::new()
        .age_file("app", "password: from age\n")
        .variable("DRIFTLESS_SECRET_APP_PASSWORD", "from the variable");
    assert_eq!(two.resolve("app", "password").as_deref(), Ok("from the variable"));
    let one = World::new().age_file("app", "password: from age\n");
    assert_eq!(one.resolve("app", "password").as_deref(), Ok("from age"));
}

#[test]
fn one_line_break_at_the_end_is_left_out() {
    for (content, password) in [("pw", "pw"), ("pw\n", "pw"), ("pw\r\n", "pw"), ("pw\n\n", "pw\n"), (" pw ", " pw ")] {
        let world = World::new().file("/secrets/app/password", content.as_bytes());
        assert_eq!(world.resolve("app", "password").as_deref(), Ok(password), "{content:?}");
    }
}

#[test]
fn passwords_that_look_like_numbers_keep_their_spelling() {
    for spelling in ["0123", "1e5", "true", "1_000", "0x1F"] {
        let world = World::new().age_file("app", &format!("password: {spelling}\n"));
        assert_eq!(world.resolve("app", "password").as_deref(), Ok(spelling));
    }
}

#[test]
fn what_was_tried_is_named() {
    let mut no_identity = World::new().age_file("app", "password: x\n");
    no_identity.options.age_identity_file = None;
    let other_key = World::new().age_file("app", "other: x\n");
    let elsewhere = "looked in the file `/secrets/app/password`, the variable `DRIFTLESS_SECRET_APP_PASSWORD`";
    for (world, last) in [
        (World::new(), "`secrets/app.age` of the repository (no such file)"),
        (no_identity, "`secrets/app.age` of the repository (which needs `--age-identity`)"),
        (other_key, "the key `password` of `secrets/app.age`"),
    ] {
        let error = world.resolve("app", "password").expect_err(last);
        assert_eq!(error, format!("the secret `app/password` was not found; {elsewhere}, {last}"));
    }
}

#[test]
fn names_cannot_lead_out_of_the_directory() {
    let world = World::new().file("/etc/passwd", b"root").file("/secrets/app/../../etc/passwd", b"root");
    for (name, key) in
        [("..", "etc"), ("app", "../../etc/passwd"), ("/etc", "passwd"), ("", "x"), ("app", "."), ("a\\b", "c")]
    {
        let error = world.resolve(name, key).expect_err(name);
        assert!(error.contains("not a plain name"), "{error}");
    }
}

#[test]
fn an_unusable_secret_does_not_fall_through_to_another_source() {
    let with_variable = |world: World| world.variable("DRIFTLESS_SECRET_APP_PASSWORD", "other");
    let empty = with_variable(World::new().file("/secrets/app/password", b"\n"));
    assert!(
        empty.resolve("app", "password").expect_err("empty").contains("is empty in the file `/secrets/app/password`")
    );
    let binary = with_variable(World::new().file("/secrets/app/password", b"\xff\xfe"));
    assert!(binary.resolve("app", "password").expect_err("binary").contains("is not UTF-8"));
}

#[test]
fn one_variable_never_gives_two_users_one_password() {
    let world = World::new().variable("DRIFTLESS_SECRET_A_B_C", "pw");
    world.with_store(|store| {
        assert!(store.resolve(&reference("a-b", "c")).is_ok());
        assert!(store.resolve(&reference("a-b", "c")).is_ok());
        let Err(problem) = store.resolve(&reference("a", "b-c")) else { panic!("the variable is ambiguous") };
        assert!(problem.reason.contains("stands for `a-b/c` too"), "{problem}");
    });
}

#[test]
fn an_age_file_is_decrypted_once() {
    let world = World::new().age_file("app", "one: 1\ntwo: 2\n");
    world.with_store(|store| {
        let references = [reference("app", "one"), reference("app", "two"), reference("app", "three")];
        let (passwords, problems) = store.resolve_all(&references);
        assert!(passwords.get(&references[0]).is_some() && passwords.get(&references[1]).is_some());
        assert_eq!(problems.len(), 1);
        assert_eq!(store.lock().age_files.len(), 1);
    });
    // Three looks into the directory, and the identity once.
    assert_eq!(world.reads.get(), 4);
}

#[test]
fn damaged_and_foreign_age_files_are_described() {
    let passphrase = age::Encryptor::with_user_passphrase(age::secrecy::SecretString::from("hunter2".to_owned()));
    let foreign = World::new().age_file("app", "password: hunter2\n").snapshot.files["secrets/app.age"].clone();
    let content = |bytes: &[u8]| SnapshotFile::Content(bytes.to_vec());
    for (file, part) in [
        (content(b"password: hunter2"), "is not an age file"),
        (content(b""), "is not an age file"),
        (content(&finish(passphrase, "password: hunter2")), "with a passphrase"),
        (foreign, "other recipients"),
        (SnapshotFile::Unreadable("x".to_owned()), "cannot be read"),
    ] {
        let mut world = World::new().age_file("app", "password: hunter2\n");
        world.snapshot.files.insert("secrets/app.age".to_owned(), file);
        let error = world.resolve("app", "password").expect_err(part);
        assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
    }
    for (yaml, part) in [
        ("- hunter2\n", "holds a list"),
        ("password: {a: hunter2}\n", "has a mapping"),
        ("password: [hunter2\n", "does not hold a YAML map"),
        ("password: hunter2\npassword: hunter2\n", "twice"),
    ] {
        let error = World::new().age_file("app", yaml).resolve("app", "password").expect_err(part);
        assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn identities_that_cannot_be_used_are_described() {
    for (identity, part) in [
        ("age-encryption.org/v1\n-> scrypt", "is itself encrypted"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "is an SSH key"),
        ("hunter2\n", "is not an age identity file"),
        ("# nothing\n", "holds no identity"),
    ] {
        let world = World::new().age_file("app", "password: x\n").file("/identity", identity.as_bytes());
        let error = world.resolve("app", "password").expect_err(part);
        assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
    }
}
