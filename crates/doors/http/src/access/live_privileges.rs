//! What may be told to pages that are open.

use axum::http::Extensions;
use cc_devops_fleet::sessions::SessionSecret;

use super::Permitted;
use crate::connections::Peer;
use crate::live::{Area, Areas, Changes};
use crate::problem::Problem;

impl<P> Permitted<P> {
    /// What changes of all that the caller may see: since that id, or from now on without, for as long as the session goes
    /// on. An id that is not known stands for everything. `extensions` are those of the request.
    ///
    /// # Errors
    /// There is no place.
    pub async fn changes(
        &self,
        session: SessionSecret,
        since: Option<&str>,
        extensions: &Extensions,
    ) -> Result<Changes, Problem> {
        let who = (self.credential.clone(), session);
        Changes::open(&self.app, who, self.sees(), since, extensions.get::<Peer>()).await
    }

    /// The kinds of things that the caller may see.
    fn sees(&self) -> Areas {
        let name = &self.caller.agent().name;
        let may = |area: &Area| area.seen_with(name).iter().any(|access| self.may(access));
        Area::ALL.into_iter().filter(may).collect()
    }
}
