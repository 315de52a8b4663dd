//! What may be touched of parameters: the list of enabled agents, and how the installation is called.

use cc_devops_fleet::Token;
use cc_devops_fleet::parameters::{NotWritten, Parameter, Parameters};
use cc_devops_kernel::access::Access;
use cc_devops_kernel::ports::PortResult;

use super::{Permitted, Privilege, Question};
use crate::problem::Problem;
use crate::random::random_bits;

impl<P> Permitted<P> {
    fn parameters(&self) -> Parameters<'_> {
        Parameters {
            ports: self.app.ports().into(),
            installation: self.app.control.installation(),
        }
    }
}

/// Read parameters: they tell which agents there are.
#[derive(Clone)]
pub struct ReadParameters;

impl Privilege for ReadParameters {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ListAgents).map(|()| Self)
    }
}

impl Permitted<ReadParameters> {
    /// The parameter of that name; none where there is none.
    pub async fn find(&self, name: &str) -> PortResult<Option<Parameter>> {
        self.parameters().find(name).await
    }

    /// The parameters below a path, by name: right below it, or however deep.
    pub async fn below(&self, path: &str, deep: bool) -> PortResult<Vec<Parameter>> {
        self.parameters().below(path, deep).await
    }
}

/// Write parameters: say that one is there oneself. Whoever names others that are not known yet must be allowed to add
/// agents, which is asked, and put on record, for each of them.
#[derive(Clone)]
pub struct WriteParameters;

impl Privilege for WriteParameters {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        let agent = question.agent.name.clone();
        question.require(&Access::SendHeartbeat { agent }).map(|()| Self)
    }
}

impl Permitted<WriteParameters> {
    /// Writes a parameter; its version by then.
    ///
    /// # Errors
    /// See [`NotWritten`].
    pub async fn write(&self, name: &str, value: &str, overwrite: bool) -> Result<u64, NotWritten> {
        let token = || random_bits().map(Token::from_random);
        self.parameters()
            .write((name, value), overwrite, self.asking(), token)
            .await
    }
}
