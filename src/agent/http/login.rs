//! Who may ask: a token or a client certificate, or on loopback whoever is on this machine and asks for this machine.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use ring::hmac;

use super::answers;
use crate::config::settings::HttpSettings;
use crate::domain::secret::Secret;

/// A shorter token could be guessed. In bytes.
const SHORTEST_TOKEN: usize = 16;
/// No token is longer. In bytes.
const LONGEST_TOKEN: u64 = 4096;

/// What asks nobody who they are: health, and what checks signatures of its own.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/hooks/git"];

/// What is known of the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    /// It showed a certificate of an authority that the settings trust.
    pub(super) is_certified: bool,
}

/// Says who may ask. The token is read from its file for each request, so that a new one counts at once.
#[derive(Clone)]
pub(super) struct Login(Arc<Rules>);

struct Rules {
    token_file: Option<PathBuf>,
    takes_certificates: bool,
    /// The names that this server goes by, where there is no login.
    hosts: Vec<String>,
    /// A key of this process, so that tokens are compared in constant time whatever their lengths are.
    key: hmac::Key,
}

impl Login {
    /// Takes the settings. The error is about the token's file.
    pub(super) fn open(settings: &HttpSettings) -> Result<Self, String> {
        if let Some(file) = &settings.token_file {
            read_token(file)?;
        }
        let takes_certificates = settings.tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &ring::rand::SystemRandom::new())
            .map_err(|_| "the system gives no random numbers".to_owned())?;
        let hosts = hosts(settings.listen, &settings.allowed_hosts);
        let token_file = settings.token_file.clone();
        Ok(Self(Arc::new(Rules { token_file, takes_certificates, hosts, key })))
    }
}

/// The names of this machine, and those that the settings add.
fn hosts(listen: SocketAddr, more: &[String]) -> Vec<String> {
    let own = match listen {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    let names = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into_iter().chain([own]);
    names.chain(more.iter().map(|name| name.to_ascii_lowercase())).collect()
}

/// Lets a request through, or says why not.
pub(super) async fn check(State(login): State<Login>, request: Request, next: Next) -> Response {
    if OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let refusal = match login.0.refusal(&request) {
        None => return next.run(request).await,
        Some(refusal) => refusal,
    };
    match refusal {
        Refusal::NoLogin => {
            let mut answer = answers::problem(
                request.uri(),
                StatusCode::UNAUTHORIZED,
                "log in with the token: as a bearer token, or as the password of any user",
            );
            // Browsers ask for a user and a password; programs may send the token as it is.
            for scheme in ["Basic realm=\"driftless\", charset=\"UTF-8\"", "Bearer realm=\"driftless\""] {
                answer.headers_mut().append(header::WWW_AUTHENTICATE, header::HeaderValue::from_static(scheme));
            }
            answer
        }
        Refusal::NoCertificate => answers::problem(
            request.uri(),
            StatusCode::UNAUTHORIZED,
            "show a client certificate of an authority that `http.tls.clientCaFile` names",
        ),
        Refusal::OtherHost => answers::problem(
            request.uri(),
            StatusCode::MISDIRECTED_REQUEST,
            "this server does not go by that name; `http.allowedHosts` adds names",
        ),
        Refusal::NoToken(problem) => {
            tracing::error!(%problem, "nobody can log in");
            answers::problem(request.uri(), StatusCode::SERVICE_UNAVAILABLE, "nobody can log in now; the log says why")
        }
    }
}

enum Refusal {
    NoLogin,
    NoCertificate,
    OtherHost,
    NoToken(String),
}

impl Rules {
    fn refusal(&self, request: &Request) -> Option<Refusal> {
        let is_certified = request.extensions().get::<Peer>().is_some_and(|peer| peer.is_certified);
        if self.takes_certificates && is_certified {
            return None;
        }
        match (&self.token_file, self.takes_certificates) {
            (Some(file), _) => {
                let Some(given) = given_token(request.headers()) else { return Some(Refusal::NoLogin) };
                match read_token(file) {
                    Ok(token) if self.is_same(&given, &token) => None,
                    Ok(_) => Some(Refusal::NoLogin),
                    Err(problem) => Some(Refusal::NoToken(problem)),
                }
            }
            (None, true) => Some(Refusal::NoCertificate),
            // Without a login, a page of somebody else's must not make a browser on this machine ask: its name could lead
            // here (DNS rebinding), and then it would be the name in the request.
            (None, false) => (!self.is_for_us(request.headers())).then_some(Refusal::OtherHost),
        }
    }

    fn is_same(&self, given: &Secret, token: &Secret) -> bool {
        let tag = hmac::sign(&self.key, given.expose());
        hmac::verify(&self.key, token.expose(), tag.as_ref()).is_ok()
    }

    fn is_for_us(&self, headers: &HeaderMap) -> bool {
        let mut asked = headers.get_all(header::HOST).into_iter().filter_map(|host| host.to_str().ok());
        let (Some(host), None) = (asked.next(), asked.next()) else { return false };
        // What follows the last colon outside of brackets is the port.
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
            Some(_) | None => host,
        };
        self.hosts.contains(&name.to_ascii_lowercase())
    }
}

/// Reads the token of a request: `Authorization: Bearer TOKEN` (RFC 6750), or the password of `Basic` (RFC 7617).
fn given_token(headers: &HeaderMap) -> Option<Secret> {
    let (scheme, value) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Secret::new(value));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = Secret::new(base64::engine::general_purpose::STANDARD.decode(value).ok()?);
    let colon = pair.expose().iter().position(|byte| *byte == b':')?;
    Some(Secret::new(&pair.expose()[colon + 1..]))
}

/// Reads the token's file, without the line break at its end. The error holds nothing of it.
fn read_token(path: &Path) -> Result<Secret, String> {
    let failed = |error: std::io::Error| format!("the token's file `{}` cannot be read: {error}", path.display());
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(LONGEST_TOKEN + 1).read_to_end(&mut bytes).map_err(failed)?;
    let is_too_long = bytes.len() > usize::try_from(LONGEST_TOKEN).unwrap_or(usize::MAX);
    let bytes = Secret::new(bytes);
    let token = bytes.expose().trim_ascii();
    if is_too_long || token.len() < SHORTEST_TOKEN {
        return Err(format!(
            "the token in `{}` must have {SHORTEST_TOKEN} to {LONGEST_TOKEN} characters; `openssl rand -hex 32` makes one",
            path.display()
        ));
    }
    Ok(Secret::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(token: Option<&Path>, more: &[&str]) -> Login {
        let settings = HttpSettings {
            listen: "127.0.0.2:8080".parse().expect("an address"),
            token_file: token.map(Path::to_owned),
            tls: None,
            allowed_hosts: more.iter().map(|name| (*name).to_owned()).collect(),
            webhook_secret_file: None,
        };
        Login::open(&settings).unwrap_or_else(|problem| panic!("{problem}"))
    }

    fn is_let_in(login: &Login, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        login.0.refusal(&request.body(axum::body::Body::empty()).expect("a request")).is_none()
    }

    #[test]
    fn without_a_login_only_requests_for_this_machine_are_answered() {
        let login = login(None, &["Status.example.org"]);
        for host in ["localhost", "localhost:8080", "LOCALHOST", "127.0.0.1:1", "127.0.0.2:8080", "[::1]:8080", "[::1]"]
        {
            assert!(is_let_in(&login, &[("host", host)]), "{host}");
        }
        assert!(is_let_in(&login, &[("host", "status.example.org")]));
        for host in
            ["evil.example.org", "localhost.evil.org", "127.0.0.1.evil.org:8080", "", "127.0.0.3", "localhost:x"]
        {
            assert!(!is_let_in(&login, &[("host", host)]), "{host}");
        }
        assert!(!is_let_in(&login, &[]));
        assert!(!is_let_in(&login, &[("host", "localhost"), ("host", "evil.example.org")]));
    }

    #[test]
    fn the_token_is_taken_as_bearer_or_password_and_read_again_when_it_changes() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("token");
        std::fs::write(&file, "correct-horse-battery\n").expect("written");
        let login = login(Some(&file), &[]);
        let basic = |pair: &str| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        let with = |value: &str| is_let_in(&login, &[("host", "any"), ("authorization", value)]);
        for value in
            ["Bearer correct-horse-battery", "bearer correct-horse-battery", &basic("anna:correct-horse-battery")]
        {
            assert!(with(value), "{value}");
        }
        for value in [
            "correct-horse-battery",
            "Bearer correct-horse-batter",
            "Bearer correct-horse-battery2",
            "Bearer ",
            "Basic !",
            &basic("correct-horse-battery"),
            &basic("correct-horse-battery:"),
            &basic("a:b:correct-horse-battery"),
        ] {
            assert!(!with(value), "{value}");
        }
        assert!(!is_let_in(&login, &[("host", "localhost")]));
        std::fs::write(&file, "another-horse-battery").expect("written");
        assert!(!with("Bearer correct-horse-battery") && with("Bearer another-horse-battery"));
        // A file that is emptied or gone lets nobody in.
        std::fs::write(&file, "").expect("written");
        assert!(!with("Bearer ") && !with("Bearer another-horse-battery"));
        std::fs::remove_file(&file).expect("removed");
        assert!(!with("Bearer another-horse-battery"));
    }

    #[test]
    fn a_token_that_can_be_guessed_is_refused_without_being_shown() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("token");
        for content in ["hunter2\n".to_owned(), String::new(), "x".repeat(5000)] {
            std::fs::write(&file, &content).expect("written");
            let Err(problem) = read_token(&file) else { panic!("{content}") };
            assert!(problem.contains("16 to 4096") && !problem.contains("hunter2"), "{problem}");
        }
    }
}
