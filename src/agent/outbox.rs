//! Events on their way: bounded, beside the passes, each sink for itself.

use std::sync::Arc;
use std::time::Duration;

use backon::BackoffBuilder;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::watch;

use super::metrics::Metrics;
use crate::domain::event::Event;
use crate::ports::{Alert, AlertSink, Clock, EventSink};

/// So many events wait for one sink; what comes after is dropped, and counted.
const MOST_WAITING: usize = 1000;
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// How long the last events may take when the process ends.
const LONGEST_GOODBYE: Duration = Duration::from_secs(3);
/// How often Alertmanager is told, and how long it believes that: it misses a few before it takes an alert for over.
const TELL_EVERY: Duration = Duration::from_secs(60);
const BELIEVED: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// Where events go.
pub struct Outbox {
    metrics: Arc<Metrics>,
    queues: Vec<(&'static str, Sender<Event>, tokio::task::JoinHandle<()>)>,
}

impl Outbox {
    /// Starts a task for each sink. Needs a running tokio.
    pub fn open(sinks: Vec<Arc<dyn EventSink>>, metrics: &Arc<Metrics>, clock: &Arc<dyn Clock>) -> Self {
        let start = |sink: Arc<dyn EventSink>| {
            let (sender, receiver) = mpsc::channel(MOST_WAITING);
            let name = sink.name();
            metrics.expect_events(name);
            (name, sender, tokio::spawn(deliver(sink, receiver, Arc::clone(metrics), Arc::clone(clock))))
        };
        Self { metrics: Arc::clone(metrics), queues: sinks.into_iter().map(start).collect() }
    }

    /// Puts an event on its way. Never waits.
    pub fn send(&self, event: &Event) {
        for (name, sender, _) in &self.queues {
            if sender.try_send(event.clone()).is_err() {
                self.metrics.note_event(name, "dropped");
            }
        }
    }

    /// Lets what is on its way arrive, for a moment.
    pub async fn close(self) {
        let until = tokio::time::Instant::now() + LONGEST_GOODBYE;
        for (_, sender, task) in self.queues {
            drop(sender);
            // What does not arrive in time is lost with the process.
            let _ = tokio::time::timeout_at(until, task).await;
        }
    }
}

async fn deliver(sink: Arc<dyn EventSink>, mut waiting: Receiver<Event>, metrics: Arc<Metrics>, clock: Arc<dyn Clock>) {
    while let Some(event) = waiting.recv().await {
        let mut pauses = backon::ExponentialBuilder::default()
            .with_min_delay(FIRST_RETRY)
            .with_max_delay(LONGEST_RETRY)
            .with_jitter()
            .without_max_times()
            .build();
        let mut was_told = false;
        let result = loop {
            match sink.deliver(&event).await {
                Ok(()) => break "sent",
                Err(error) if error.is_retryable => {
                    if !was_told {
                        tracing::warn!(sink = sink.name(), problem = %error, "an event waits for its sink");
                    }
                    was_told = true;
                    metrics.note_event(sink.name(), "retried");
                    clock.sleep(pauses.next().unwrap_or(LONGEST_RETRY)).await;
                }
                Err(error) => {
                    tracing::warn!(sink = sink.name(), problem = %error, "an event was dropped");
                    break "dropped";
                }
            }
        };
        metrics.note_event(sink.name(), result);
    }
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// The cluster is not known to be what git says.
    pub is_out_of_sync: bool,
    /// The agent waits for a person.
    pub stalls: bool,
}

/// One alert, from when its cause began until it was told that it is over.
struct Alarm {
    name: &'static str,
    summary: &'static str,
    since: Option<jiff::Timestamp>,
    fired: bool,
}

impl Alarm {
    /// Returns what to tell now, if anything.
    fn look(&mut self, holds: bool, after: Duration, environment: &str, now: jiff::Timestamp) -> Option<Alert> {
        let alert = |starts_at, ends_at| Alert {
            name: self.name,
            environment: environment.to_owned(),
            starts_at,
            ends_at,
            summary: format!("{environment}: {}", self.summary),
        };
        if !holds {
            return match self.since.filter(|_| self.fired) {
                Some(since) => Some(alert(since, now)),
                None => {
                    self.since = None;
                    None
                }
            };
        }
        // A clock that was put back begins the time anew.
        let since = self.since.filter(|since| *since <= now).unwrap_or(now);
        self.since = Some(since);
        let is_due = Duration::try_from(now.duration_since(since)).unwrap_or_default() >= after;
        (is_due || self.fired).then(|| alert(since, now.saturating_add(BELIEVED).unwrap_or(jiff::Timestamp::MAX)))
    }

    /// Notes that what [`Alarm::look`] returned has arrived.
    fn told(&mut self, holds: bool) {
        self.fired = holds;
        if !holds {
            self.since = None;
        }
    }
}

/// Tells Alertmanager whenever something holds for so long, and when it is over. Never ends by itself.
pub async fn tell_alerts(
    sink: Arc<dyn AlertSink>,
    environment: String,
    after: Duration,
    mut health: watch::Receiver<Health>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
) {
    let alarm = |name, summary| Alarm { name, summary, since: None, fired: false };
    let mut alarms = [
        alarm("DriftlessOutOfSync", "the cluster is not known to be what git says"),
        alarm("DriftlessStalled", "the agent waits for a person"),
    ];
    loop {
        let now = clock.now();
        let seen = *health.borrow_and_update();
        let holds = [seen.is_out_of_sync, seen.stalls];
        let alerts: Vec<Option<Alert>> =
            alarms.iter_mut().zip(holds).map(|(alarm, holds)| alarm.look(holds, after, &environment, now)).collect();
        let due: Vec<Alert> = alerts.iter().flatten().cloned().collect();
        if !due.is_empty() {
            match sink.tell(&due).await {
                Ok(()) => {
                    let told = alarms.iter_mut().zip(holds).zip(&alerts).filter(|(_, alert)| alert.is_some());
                    told.for_each(|((alarm, holds), _)| alarm.told(holds));
                    metrics.note_event("alertmanager", "sent");
                }
                Err(error) => {
                    metrics.note_event("alertmanager", "retried");
                    tracing::warn!(problem = %error, "Alertmanager could not be told");
                }
            }
        }
        let wait = TELL_EVERY.min(after.max(Duration::from_secs(1)));
        tokio::select! {
            changed = health.changed() => if changed.is_err() { return },
            () = clock.sleep(wait) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_fires_after_its_time_and_is_told_when_it_is_over() {
        let mut alarm = Alarm { name: "A", summary: "so", since: None, fired: false };
        let after = Duration::from_secs(900);
        let at = |seconds: i64| jiff::Timestamp::from_second(1_780_000_000 + seconds).expect("a time");
        let mut look = |holds: bool, seconds: i64| {
            let alert = alarm.look(holds, after, "prod", at(seconds));
            if alert.is_some() {
                alarm.told(holds);
            }
            alert.map(|alert| (alert.starts_at == at(0), alert.ends_at > at(seconds)))
        };
        assert_eq!(look(true, 0), None);
        assert_eq!(look(true, 899), None);
        assert_eq!(look(true, 900), Some((true, true)));
        assert_eq!(look(true, 960), Some((true, true)));
        assert_eq!(look(false, 1000), Some((true, false)));
        assert_eq!(look(false, 1060), None);
        // What ends before its time was nothing.
        assert_eq!(look(true, 2000), None);
        assert_eq!(look(false, 2100), None);
        assert_eq!(look(true, 2950), None);
    }

    #[test]
    fn an_end_that_could_not_be_told_is_told_again() {
        let mut alarm = Alarm { name: "A", summary: "so", since: None, fired: true };
        let at = |seconds: i64| jiff::Timestamp::from_second(1_780_000_000 + seconds).expect("a time");
        alarm.since = Some(at(0));
        assert!(alarm.look(false, Duration::ZERO, "prod", at(1)).is_some());
        assert!(alarm.look(false, Duration::ZERO, "prod", at(2)).is_some());
        alarm.told(false);
        assert!(alarm.look(false, Duration::ZERO, "prod", at(3)).is_none());
    }
}
