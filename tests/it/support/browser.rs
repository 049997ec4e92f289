//! A real Chromium, driven by ChromeDriver (W3C WebDriver), and axe-core in it.
//!
//! Without them a test prints why it is skipped and passes; in CI that is a failure. `dev/setup browser` installs both;
//! `dev/with-brokers` fetches axe-core (`dev/axe`).

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// A browser with one window; ended with the value.
pub(crate) struct Browser {
    driver: Child,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    session: String,
    axe: String,
    _profile: tempfile::TempDir,
}

/// Starts a browser, or says why the test is skipped.
#[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "whoever runs the tests says what is there")]
pub(crate) fn browser() -> Option<Browser> {
    let chromium = ["chromium", "google-chrome"].into_iter().find(|name| is_there(name));
    let axe = std::env::var_os("DRIFTLESS_TEST_AXE").and_then(|file| std::fs::read_to_string(file).ok());
    match (chromium, is_there("chromedriver"), axe) {
        (Some(chromium), true, Some(axe)) => Some(Browser::start(chromium, axe)),
        (chromium, driver, axe) => {
            let missing = [
                ("Chromium", chromium.is_some()),
                ("ChromeDriver", driver),
                ("axe-core (`DRIFTLESS_TEST_AXE`, see dev/axe)", axe.is_some()),
            ];
            let missing: Vec<&str> = missing.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
            let in_ci = std::env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false");
            assert!(!in_ci, "{} is missing, and CI must not skip tests", missing.join(", "));
            eprintln!("skipped: {} is missing (`dev/setup browser`, `make test`)", missing.join(", "));
            None
        }
    }
}

fn is_there(name: &str) -> bool {
    let mut command = Command::new(name);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Whatever cannot be run is not there.
    command.status().is_ok_and(|status| status.success())
}

impl Browser {
    fn start(chromium: &str, axe: String) -> Self {
        let profile = tempfile::tempdir().expect("a directory");
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--allowed-ips=127.0.0.1"])
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("ChromeDriver runs");
        let mut lines = BufReader::new(driver.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let started = lines.find(|line| line.contains("successfully on port")).expect("ChromeDriver says its port");
        let port = started.rsplit_once("on port").map(|(_, port)| port.trim().trim_end_matches('.').to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).no_proxy().build().expect("a client");
        let session = format!("http://127.0.0.1:{}/session", port.expect("a port"));
        let mut browser = Self { driver, client, runtime, session, axe, _profile: profile };
        let binary = String::from_utf8(
            Command::new("sh").args(["-c", &format!("command -v {chromium}")]).output().expect("sh runs").stdout,
        );
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--hide-scrollbars",
        ];
        let profile = format!("--user-data-dir={}", browser._profile.path().join("profile").display());
        let arguments: Vec<&str> = arguments.into_iter().chain([profile.as_str()]).collect();
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": binary.expect("UTF-8").trim(), "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let opened = browser.ask("", capabilities);
        let id = opened["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {opened}")).to_owned();
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    fn ask(&self, path: &str, body: Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.session)).json(&body);
        let answer: Value =
            self.runtime.block_on(async { request.send().await.expect("an answer").json().await.expect("JSON") });
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].clone()
    }

    fn developer(&self, command: &str, parameters: Value) -> Value {
        self.ask("/goog/cdp/execute", json!({"cmd": command, "params": parameters}))
    }

    /// Opens an address, and waits until everything of it was loaded.
    pub(crate) fn open(&self, address: &str) {
        self.ask("/url", json!({"url": address}));
    }

    /// Makes the window so wide and high, as a telephone or a screen would be.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let parameters = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.developer("Emulation.setDeviceMetricsOverride", parameters);
    }

    /// Says that whoever looks likes the page `light` or `dark`.
    pub(crate) fn prefer(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.developer("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Switches JavaScript of pages off.
    pub(crate) fn without_scripts(&self) {
        self.developer("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    }

    /// Runs a script in the page, and returns what it returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.ask("/execute/sync", json!({"script": script, "args": []}))
    }

    /// Presses a key as a person does. `\u{e004}` is Tab, `\u{e007}` Enter (W3C WebDriver, 17.4.2).
    pub(crate) fn press(&self, key: &str) {
        let keys = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        self.ask("/actions", json!({"actions": [{"type": "key", "id": "keyboard", "actions": keys}]}));
    }

    /// Takes a picture of the whole page.
    pub(crate) fn picture(&self, file: &Path) {
        use base64::Engine;
        let picture = self.developer("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}));
        let bytes = base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().expect("a picture"));
        std::fs::create_dir_all(file.parent().expect("below a directory")).expect("made");
        std::fs::write(file, bytes.expect("base64")).expect("written");
    }

    /// What the browser logged since it was last asked: what it did not like, refused or could not load.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.ask("/se/log", json!({"type": "browser"}));
        log.as_array().into_iter().flatten().map(|entry| entry["message"].to_string()).collect()
    }

    /// What axe-core finds wrong with the page, by the rules of WCAG 2.2 A and AA and its best practices.
    pub(crate) fn violations(&self) -> Vec<String> {
        let check = "const done = arguments[arguments.length - 1];
            axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
               .then(found => done(found.violations), error => done([{id: String(error), nodes: []}]));";
        let script = format!("{}\n{check}", self.axe);
        let found = self.ask("/execute/async", json!({"script": script, "args": []}));
        let found = found.as_array().expect("a list").iter();
        found.map(|violation| format!("{}: {}", violation["id"], violation["nodes"])).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser with the session; both are gone when the test is.
        let request = self.client.delete(&self.session);
        drop(self.runtime.block_on(async { request.send().await }));
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
