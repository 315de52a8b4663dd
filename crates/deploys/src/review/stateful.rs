//! Which resource types hold data.

use std::collections::BTreeSet;

/// The types that hold data, sorted. Source: the list that cfn-lint publishes
/// (`data/AdditionalSpecs/StatefulResources.json` of its package).
const KNOWN: [&str; 29] = [
    "AWS::Backup::BackupVault",
    "AWS::CloudFormation::Stack",
    "AWS::Cognito::UserPool",
    "AWS::DocDB::DBCluster",
    "AWS::DocDB::DBInstance",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Volume",
    "AWS::EFS::FileSystem",
    "AWS::EMR::Cluster",
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::Elasticsearch::Domain",
    "AWS::FSx::FileSystem",
    "AWS::KMS::Key",
    "AWS::Kinesis::Stream",
    "AWS::Logs::LogGroup",
    "AWS::Neptune::DBCluster",
    "AWS::Neptune::DBInstance",
    "AWS::OpenSearchService::Domain",
    "AWS::Organizations::Account",
    "AWS::QLDB::Ledger",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::Redshift::Cluster",
    "AWS::S3::Bucket",
    "AWS::SDB::Domain",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
];

/// The resource types that hold data: those that are known to, and those that the configuration adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatefulTypes {
    more: BTreeSet<String>,
}

impl StatefulTypes {
    /// The known ones and these.
    pub fn with(more: impl IntoIterator<Item = String>) -> Self {
        Self {
            more: more.into_iter().collect(),
        }
    }

    /// Whether resources of this type hold data.
    pub fn hold(&self, resource_type: &str) -> bool {
        KNOWN.binary_search(&resource_type).is_ok() || self.more.contains(resource_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_are_sorted_and_more_can_be_added() {
        assert!(KNOWN.is_sorted());
        let types = StatefulTypes::with(["Custom::Archive".to_owned()]);
        for name in KNOWN.into_iter().chain(["Custom::Archive"]) {
            assert!(types.hold(name), "{name}");
        }
        assert!(!types.hold("AWS::Lambda::Function"));
        assert!(!StatefulTypes::default().hold("Custom::Archive"));
    }
}
