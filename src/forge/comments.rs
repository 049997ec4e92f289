//! The promise of one comment per marker, kept in the same way at every forge.

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::Secret;
use super::http::Http;
use crate::ports::{Comment, ForgeError, ForgeErrorKind};

/// Who wrote a comment, or whose the credential is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Author {
    /// The forge's number of the user, which stays when the name changes.
    Id(i64),
    /// The name, for credentials that may not ask for their number. Forges compare names without regard to case.
    Login(String),
}

/// A comment as the forge has it.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    pub(super) id: u64,
    pub(super) author_id: i64,
    pub(super) author_login: String,
    pub(super) text: String,
    pub(super) url: String,
}

impl Posted {
    fn is_by(&self, author: &Author) -> bool {
        match author {
            Author::Id(id) => self.author_id == *id,
            Author::Login(login) => self.author_login.eq_ignore_ascii_case(login),
        }
    }

    fn has(&self, marker: &str) -> bool {
        self.text.lines().next().is_some_and(|first| first.trim_end() == marker)
    }
}

impl From<Posted> for Comment {
    fn from(posted: Posted) -> Self {
        Self { text: normal(&posted.text), url: posted.url }
    }
}

/// How a forge names what is done with comments.
#[async_trait]
pub(super) trait Comments: Send + Sync {
    /// Asks whose the credential is.
    async fn who_am_i(&self) -> Result<Author, ForgeError>;
    /// Lists the comments of a pull request, all pages.
    async fn list(&self, pull_request: u64) -> Result<Vec<Posted>, ForgeError>;
    /// Writes a new one.
    async fn create(&self, pull_request: u64, text: &str) -> Result<Posted, ForgeError>;
    /// Replaces the whole text of one.
    async fn edit(&self, pull_request: u64, id: u64, text: &str) -> Result<Posted, ForgeError>;
    /// Deletes one.
    async fn delete(&self, pull_request: u64, id: u64) -> Result<(), ForgeError>;
}

/// What is remembered between two comments.
pub(super) struct Writer {
    /// The author that the options name.
    named: Option<Author>,
    /// The author whom the forge named, with the token for which it did. An app's tokens change, and its name does not.
    known: Mutex<Option<(Option<Secret>, Author)>>,
    /// One writes at a time: two that look and then create would create two.
    writing: Mutex<()>,
}

impl Writer {
    pub(super) fn new(author: Option<String>) -> Self {
        Self { named: author.map(Author::Login), known: Mutex::default(), writing: Mutex::default() }
    }

    async fn me(&self, http: &Http, api: &impl Comments) -> Result<Author, ForgeError> {
        if let Some(named) = &self.named {
            return Ok(named.clone());
        }
        let token = http.credential.token()?;
        let mut known = self.known.lock().await;
        if let Some((_, author)) = known.as_ref().filter(|(asked_with, _)| *asked_with == token) {
            return Ok(author.clone());
        }
        let author = api.who_am_i().await?;
        *known = Some((token, author.clone()));
        Ok(author)
    }

    /// Returns ours, the oldest first.
    async fn ours(
        &self,
        http: &Http,
        api: &impl Comments,
        pull_request: u64,
        marker: &str,
    ) -> Result<Vec<Posted>, ForgeError> {
        let me = self.me(http, api).await?;
        let mut ours = api.list(pull_request).await?;
        ours.retain(|posted| posted.is_by(&me) && posted.has(marker));
        ours.sort_by_key(|posted| posted.id);
        Ok(ours)
    }

    pub(super) async fn find(
        &self,
        http: &Http,
        api: &impl Comments,
        pull_request: u64,
        marker: &str,
    ) -> Result<Option<Comment>, ForgeError> {
        Ok(self.ours(http, api, pull_request, marker).await?.into_iter().next().map(Comment::from))
    }

    /// See [`crate::ports::Forge::put_comment`].
    pub(super) async fn put(
        &self,
        http: &Http,
        api: &impl Comments,
        pull_request: u64,
        marker: &str,
        text: &str,
    ) -> Result<Comment, ForgeError> {
        let _alone = self.writing.lock().await;
        let mut ours = self.ours(http, api, pull_request, marker).await?;
        if ours.is_empty() {
            let created = self.create(http, api, pull_request, text).await?;
            // Another writer may have created one in the same moment.
            ours = self.ours(http, api, pull_request, marker).await?;
            if ours.is_empty() {
                // Written, and not in the list yet.
                return created.map(Comment::from).ok_or_else(|| vanished(pull_request));
            }
        }
        let mut ours = ours.into_iter();
        let Some(oldest) = ours.next() else { return Err(vanished(pull_request)) };
        for surplus in ours {
            api.delete(pull_request, surplus.id).await?;
        }
        if normal(&oldest.text) == normal(text) {
            return Ok(oldest.into());
        }
        api.edit(pull_request, oldest.id, text).await.map(Comment::from)
    }

    /// Creates a comment. `None` when the answer was lost and the comment was found to be there.
    async fn create(
        &self,
        http: &Http,
        api: &impl Comments,
        pull_request: u64,
        text: &str,
    ) -> Result<Option<Posted>, ForgeError> {
        let created = match api.create(pull_request, text).await {
            Ok(created) => created,
            // The answer was lost, perhaps after the comment was written: the caller looks again, and does not write again.
            Err(error) if error.kind == ForgeErrorKind::Unreachable => {
                let marker = text.lines().next().unwrap_or_default();
                let written = !self.ours(http, api, pull_request, marker).await?.is_empty();
                return if written { Ok(None) } else { Err(error) };
            }
            Err(error) => return Err(error),
        };
        if created.is_by(&self.me(http, api).await?) {
            return Ok(Some(created));
        }
        // Every run would write one more, because it would not know this one as its own.
        api.delete(pull_request, created.id).await?;
        Err(ForgeError {
            message: format!(
                "the credential writes as `{}`, and not as the author that was named",
                created.author_login
            ),
            kind: ForgeErrorKind::Authentication,
            hint: Some("Name that author. The comment was taken back.".to_owned()),
        })
    }
}

fn vanished(pull_request: u64) -> ForgeError {
    ForgeError {
        message: format!("the comment on pull request {pull_request} is not there after it was written"),
        kind: ForgeErrorKind::Unreachable,
        hint: Some("It is looked for again before anything is written.".to_owned()),
    }
}

/// Forges may change the ends of lines, and cut what is blank at the end.
fn normal(text: &str) -> String {
    text.replace("\r\n", "\n").trim_end().to_owned()
}

/// Cuts a status' description to what all forges take.
pub(super) fn description(text: &str) -> String {
    const LONGEST: usize = 140;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}
