//! How long a git server may keep us waiting.

use std::sync::Once;

/// For a connection to be made.
const CONNECT_MILLISECONDS: i32 = 5_000;
/// For the next bytes of a server that is connected. While it packs objects, git sends a sign of life every five seconds. Both
/// together leave an agent that was told to end within the time that systemd gives it.
const SILENCE_MILLISECONDS: i32 = 20_000;

/// Makes libgit2 give up on servers that do not answer. They are settings of the whole process, set before its first connection.
pub(super) fn set() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        // Without them a server that says nothing holds up the agent for good. libgit2 has them only as options that are global
        // and not synchronized.
        #[expect(
            unsafe_code,
            reason = "global options of a C library, written once, before any of its connections read them"
        )]
        let outcome = unsafe {
            git2::opts::set_server_connect_timeout_in_milliseconds(CONNECT_MILLISECONDS)
                .and_then(|()| git2::opts::set_server_timeout_in_milliseconds(SILENCE_MILLISECONDS))
        };
        if let Err(error) = outcome {
            tracing::warn!(problem = error.message(), "git connections have no time limit");
        }
    });
}
