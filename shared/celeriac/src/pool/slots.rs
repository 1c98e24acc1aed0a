//! How many bodies run at a time: places that can be added and taken away while some are in use.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of a pool.
#[derive(Debug)]
pub(super) struct Slots {
    permits: Arc<Semaphore>,
    count: Mutex<Count>,
}

#[derive(Debug)]
struct Count {
    size: usize,
    /// Places to take away as soon as they are free.
    surplus: usize,
}

/// A place in a pool; free again when dropped.
#[derive(Debug)]
pub struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    slots: Arc<Slots>,
}

impl Slots {
    /// So many places, at least one.
    pub(super) fn new(size: usize) -> Arc<Self> {
        let size = size.max(1);
        let count = Mutex::new(Count { size, surplus: 0 });
        Arc::new(Self { permits: Arc::new(Semaphore::new(size)), count })
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn size(&self) -> usize {
        self.count().size
    }

    /// Waits for a free place.
    pub(super) async fn acquire(self: &Arc<Self>) -> Slot {
        // The semaphore is never closed.
        Slot { permit: self.permits.clone().acquire_owned().await.ok(), slots: self.clone() }
    }

    /// From now on so many places, at least one. Places in use go when they are free.
    pub(super) fn resize(&self, size: usize) {
        let size = size.max(1);
        let mut count = self.count();
        if size < count.size {
            let fewer = count.size - size;
            count.surplus += fewer - self.permits.forget_permits(fewer);
        } else {
            let more = size - count.size;
            let kept = more.min(count.surplus);
            count.surplus -= kept;
            self.permits.add_permits(more - kept);
        }
        count.size = size;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut count = self.slots.count();
        if count.surplus > 0
            && let Some(permit) = self.permit.take()
        {
            count.surplus -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const SOON: std::time::Duration = std::time::Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn places_in_use_go_when_they_are_free() {
        let slots = Slots::new(2);
        let (one, two) = (slots.acquire().await, slots.acquire().await);
        slots.resize(1);
        drop(one);
        assert!(timeout(SOON, slots.acquire()).await.is_err(), "one is in use, one is gone");
        drop(two);
        let again = slots.acquire().await;
        slots.resize(3);
        let more = [slots.acquire().await, slots.acquire().await];
        assert!(timeout(SOON, slots.acquire()).await.is_err());
        slots.resize(1);
        slots.resize(2);
        drop((again, more));
        let _both = (slots.acquire().await, slots.acquire().await);
        assert!(timeout(SOON, slots.acquire()).await.is_err());
    }
}
