//! Asking instances whether they are well, beside the calls.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::future::join_all;
use http::Method;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Call, client::Client, instance::Instance, instances::Instances, service::Passage};
use crate::config::Health;

/// Asks all instances again and again, until nobody uses them any more. A question is never asked while the last one waits.
pub(super) async fn run(instances: Weak<Instances>, client: Arc<Client>, settings: Health) {
    let mut ticks = interval(settings.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(instances) = instances.upgrade() else { return };
        let all = instances.all();
        let checks = all.iter().map(|instance| async {
            let is_good = is_well(&client, instance, &settings).await;
            instances.checked(instance, is_good, settings.unhealthy_after, settings.healthy_after);
        });
        join_all(checks).await;
    }
}

async fn is_well(client: &Client, instance: &Arc<Instance>, settings: &Health) -> bool {
    let call = Call::new(Method::GET, format!("{}{}", instance.place.base, settings.path));
    let mut passage = Passage::within(settings.timeout);
    passage.instance = Some(Arc::clone(instance));
    // A question that waits longer than its answer may take is a bad answer.
    let answer = timeout(settings.timeout.max(Duration::from_millis(1)), client.send(&call, &passage)).await;
    answer.is_ok_and(|answer| answer.is_ok_and(|reply| (200..300).contains(&reply.status)))
}
