//! What pages about webhooks and the outbox may touch, and how a subscription is made.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::{Consumer, SetAside, Standing};
use cc_devops_outbox::webhooks::{
    DeadLetter, Subscription, SubscriptionId, SubscriptionStatus, Subscriptions, signing_secret,
};
use cc_devops_requests::standing::give_back;
use uuid::Uuid;

use super::{ManageWebhooks, Permitted, Privilege, Question};
use crate::problem::Problem;
use crate::random::random_bits;

impl<P> Permitted<P> {
    /// Adds a subscription, and answers what its deliveries are signed with, which nobody is told again.
    async fn subscribed(
        &self,
        url: String,
        agent: Option<AgentName>,
    ) -> Result<(SubscriptionStatus, SecretValue), Problem> {
        let read = self.app.egress.read(&url);
        let read = read.map_err(|refused| Problem::invalid(refused.to_string()))?;
        // The path and query of a webhook's address are often secret.
        let origin = read.origin().ascii_serialization();
        let subscription = Subscription {
            id: SubscriptionId(format!("wh_{}", Uuid::now_v7().simple())),
            url,
            agent,
            created_at: self.now(),
        };
        let secret = signing_secret(random_bits()?);
        let acts = Subscriptions::new(self.app.ports(), self.asking());
        let status = acts.add(&subscription, &secret, &origin).await?;
        Ok((status, secret))
    }
}

impl Permitted<ManageWebhooks> {
    /// Adds a subscription, and answers what its deliveries are signed with, which nobody is told again.
    ///
    /// # Errors
    /// An address to which nothing is sent; what the store says.
    pub async fn add(
        &self,
        url: String,
        agent: Option<AgentName>,
    ) -> Result<(SubscriptionStatus, SecretValue), Problem> {
        self.subscribed(url, agent).await
    }
}

/// See who is told by webhooks, what was given up, and how the outbox's consumers stand.
#[derive(Clone)]
pub struct ReadWebhooks;

impl Privilege for ReadWebhooks {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ReadWebhooks).map(|()| Self)
    }
}

impl Permitted<ReadWebhooks> {
    /// Every subscription and how it goes, oldest first.
    pub async fn subscriptions(&self) -> PortResult<Vec<SubscriptionStatus>> {
        self.app.ports().webhooks.statuses().await
    }

    /// One of them; none where there is none of that id.
    pub async fn subscription(&self, id: &str) -> PortResult<Option<SubscriptionStatus>> {
        let all = self.subscriptions().await?;
        Ok(all.into_iter().find(|status| status.subscription.id.0 == id))
    }

    /// Deliveries of a subscription that were given up, oldest first.
    pub async fn dead_letters(
        &self,
        id: &SubscriptionId,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<DeadLetter>> {
        self.app.ports().webhooks.dead_letters(id, after, limit).await
    }

    /// How those stand who are told of events.
    pub async fn standings(&self) -> PortResult<Vec<Standing>> {
        self.app.ports().outbox.standing(self.now()).await
    }

    /// What one of them was not told of and will not be, unless it is given back; oldest first.
    pub async fn set_aside(
        &self,
        consumer: Consumer,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<SetAside>> {
        self.app.ports().outbox.set_aside(consumer, after, limit).await
    }
}

/// Act on webhooks and on what the outbox set aside. Each act asks the policies itself, and puts it on record where these
/// refuse.
#[derive(Clone)]
pub struct ActOnWebhooks;

impl Privilege for ActOnWebhooks {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Permitted<ActOnWebhooks> {
    fn acts(&self) -> Subscriptions<'_> {
        Subscriptions::new(self.app.ports(), self.asking())
    }

    /// Adds a subscription, and answers what its deliveries are signed with, which nobody is told again.
    ///
    /// # Errors
    /// What no policy permits; an address to which nothing is sent; what the store says.
    pub async fn add(
        &self,
        url: String,
        agent: Option<AgentName>,
    ) -> Result<(SubscriptionStatus, SecretValue), Problem> {
        // First: who may not is told that, whatever the address is.
        let (actor, audit) = (self.asking(), &*self.app.ports().audit);
        let access = Access::ManageWebhooks;
        actor.author(&access, actions::WEBHOOK_ADDED, audit, self.now()).await?;
        self.subscribed(url, agent).await
    }

    /// Switches a subscription on again.
    ///
    /// # Errors
    /// What no policy permits; there is none of that id.
    pub async fn enable(&self, id: &SubscriptionId) -> Result<(), Problem> {
        self.acts().enable(id).await?;
        self.app.deliveries.notify_one();
        Ok(())
    }

    /// Removes a subscription and all that waits for it.
    ///
    /// # Errors
    /// What no policy permits; there is none of that id.
    pub async fn remove(&self, id: &SubscriptionId) -> Result<(), Problem> {
        Ok(self.acts().remove(id).await?)
    }

    /// Delivers all dead letters of a subscription again; how many.
    ///
    /// # Errors
    /// What no policy permits; there is none of that id.
    pub async fn replay(&self, id: &SubscriptionId) -> Result<u64, Problem> {
        let replayed = self.acts().replay(id).await?;
        self.app.deliveries.notify_one();
        Ok(replayed)
    }

    /// Gives back to a consumer of the outbox what was set aside for it; how much.
    ///
    /// # Errors
    /// What no policy permits; what the outbox says.
    pub async fn give_back(&self, consumer: Consumer) -> Result<u64, Problem> {
        let given = give_back(self.app.ports(), consumer, self.asking()).await?;
        self.app.relay.ring();
        Ok(given)
    }
}
