//! The services, and how each is called wherever it is named.

/// Which service an operation belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Service {
    Events,
    SecretsManager,
    CloudWatch,
    Ssm,
    DynamoDb,
    Sts,
    Sqs,
    Sns,
    CloudFormation,
}

/// How a service's errors are called, in whichever protocol it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `AccessDeniedException`, and a 400.
    Json,
    /// `AccessDenied`, and a 403.
    Query,
}

/// How a service is called.
struct Names {
    /// In a signature's scope.
    scope: &'static str,
    /// Before the operation in `X-Amz-Target`, and in the path of CBOR; none where it is spoken to by forms alone.
    target: Option<&'static str>,
    /// By people.
    word: &'static str,
    /// At the end of the variable that holds its endpoint.
    variable: &'static str,
    /// As the namespace of its XML; none where it has none.
    namespace: Option<&'static str>,
    family: Family,
}

impl Service {
    /// Every service of which something is served.
    pub(crate) const ALL: [Self; 9] = [
        Self::Events,
        Self::CloudWatch,
        Self::SecretsManager,
        Self::Ssm,
        Self::Sts,
        Self::Sqs,
        Self::Sns,
        Self::CloudFormation,
        Self::DynamoDb,
    ];

    fn names(self) -> Names {
        let json = |scope, target, word, variable| Names {
            scope,
            target: Some(target),
            word,
            variable,
            namespace: None,
            family: Family::Json,
        };
        let query = |scope, target, word, variable, namespace| Names {
            scope,
            target,
            word,
            variable,
            namespace: Some(namespace),
            family: Family::Query,
        };
        match self {
            Self::Events => json("events", "AWSEvents", "EventBridge", "EVENTBRIDGE"),
            Self::SecretsManager => json("secretsmanager", "secretsmanager", "Secrets Manager", "SECRETS_MANAGER"),
            Self::Ssm => json("ssm", "AmazonSSM", "Systems Manager", "SSM"),
            Self::DynamoDb => json("dynamodb", "DynamoDB_20120810", "DynamoDB", "DYNAMODB"),
            Self::CloudWatch => query(
                "monitoring",
                Some("GraniteServiceVersion20100801"),
                "CloudWatch",
                "CLOUDWATCH",
                "http://monitoring.amazonaws.com/doc/2010-08-01/",
            ),
            Self::Sts => query("sts", None, "STS", "STS", "https://sts.amazonaws.com/doc/2011-06-15/"),
            Self::Sqs => query(
                "sqs",
                Some("AmazonSQS"),
                "SQS",
                "SQS",
                "http://queue.amazonaws.com/doc/2012-11-05/",
            ),
            Self::Sns => query("sns", None, "SNS", "SNS", "http://sns.amazonaws.com/doc/2010-03-31/"),
            Self::CloudFormation => query(
                "cloudformation",
                None,
                "CloudFormation",
                "CLOUDFORMATION",
                "http://cloudformation.amazonaws.com/doc/2010-05-15/",
            ),
        }
    }

    /// The service of this name in a signature's scope.
    pub(crate) fn of_scope(scope: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.scope() == scope)
    }

    /// The service of this name before an operation.
    pub(crate) fn of_target(target: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|service| service.names().target == Some(target))
    }

    /// The service whose forms say that they are of this version.
    pub(crate) fn of_version(version: &str) -> Option<Self> {
        let is_its = |service: &Self| {
            service
                .namespace()
                .is_some_and(|xml| xml.trim_end_matches('/').ends_with(version))
        };
        Self::ALL.into_iter().filter(|_| version.len() == 10).find(is_its)
    }

    /// Its name in a signature's scope.
    pub(crate) fn scope(self) -> &'static str {
        self.names().scope
    }

    /// Its name for people.
    pub(crate) fn word(self) -> &'static str {
        self.names().word
    }

    /// The end of the variable that holds its endpoint.
    pub(crate) fn variable(self) -> &'static str {
        self.names().variable
    }

    /// The namespace of its XML.
    pub(crate) fn namespace(self) -> Option<&'static str> {
        self.names().namespace
    }

    /// How its errors are called.
    pub(crate) fn family(self) -> Family {
        self.names().family
    }

    /// Whether it was spoken to by forms once, so that SDKs look for the names of its errors in a header of their own.
    pub(crate) fn is_query_compatible(self) -> bool {
        matches!(self, Self::CloudWatch | Self::Sqs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_found_by_each_of_its_names() {
        for service in Service::ALL {
            assert_eq!(Service::of_scope(service.scope()), Some(service));
            if let Some(target) = service.names().target {
                assert_eq!(Service::of_target(target), Some(service));
            }
        }
        assert_eq!(Service::of_scope("s3"), None);
        assert_eq!(Service::of_version("2012-11-05"), Some(Service::Sqs));
        assert_eq!(
            (Service::of_version(""), Service::of_version("2006-03-01")),
            (None, None)
        );
        assert_eq!(Service::of_target("AWSEvent"), None);
    }
}
