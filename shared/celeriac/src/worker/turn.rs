//! First come, first served: deliveries are handled at the same time, but ask for their slots in the order they came in.

use tokio::sync::oneshot;

/// One delivery's place in the order.
#[derive(Debug)]
pub(super) struct Turn {
    previous: Option<oneshot::Receiver<()>>,
    /// Its end tells the next one.
    next: Option<oneshot::Sender<()>>,
}

/// Hands out turns.
#[derive(Debug, Default)]
pub(super) struct Turns {
    last: Option<oneshot::Receiver<()>>,
}

impl Turns {
    /// The turn after the last one that was handed out.
    pub(super) fn take(&mut self) -> Turn {
        let (next, passed) = oneshot::channel();
        Turn { previous: self.last.replace(passed), next: Some(next) }
    }
}

impl Turn {
    /// Waits until all that came before have passed.
    pub(super) async fn come(&mut self) {
        if let Some(previous) = self.previous.take() {
            // Nothing is ever sent: the other end is dropped when it passes, however it ends.
            let _ = previous.await;
        }
    }

    /// Lets the next one go on. Dropping does so, too.
    pub(super) fn pass(&mut self) {
        self.next = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[tokio::test(flavor = "multi_thread")]
    async fn in_the_order_they_came() {
        let (mut turns, order) = (Turns::default(), Arc::new(Mutex::new(Vec::new())));
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                let (mut turn, order) = (turns.take(), order.clone());
                tokio::spawn(async move {
                    turn.come().await;
                    order.lock().unwrap().push(number);
                    turn.pass();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<_>>());
    }
}
