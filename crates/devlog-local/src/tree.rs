//! `DiskTree`: the person's folder as the engine sees it.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use devlog_core::path::RelPath;
use devlog_core::ports::{LocalContent, LocalError, LocalTree, Scan, ScanDepth, StatRecords};

use crate::ignore_rules::{IgnoreRules, RulesError};
use crate::root::{Access, Root};
use crate::scanner::{DiskNames, FileScanner, Scanned};

mod content;

/// The files below a root.
#[derive(Debug)]
pub struct DiskTree {
    root: Root,
    access: Access,
    view: RwLock<View>,
}

/// What the last scan worked with.
#[derive(Debug, Clone)]
struct View {
    rules: Arc<IgnoreRules>,
    names: Arc<DiskNames>,
}

impl DiskTree {
    /// The tree below `root`; the rules are read here, and again at every scan.
    pub fn open(root: Root, access: Access) -> Result<Self, RulesError> {
        let rules = Arc::new(IgnoreRules::load(root.path())?);
        let view = RwLock::new(View { rules, names: Arc::default() });
        Ok(Self { root, access, view })
    }

    fn view(&self) -> View {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl LocalTree for DiskTree {
    fn root(&self) -> String {
        self.root.named().to_owned()
    }

    async fn scan(&self, known: StatRecords, depth: ScanDepth) -> Result<Scan, LocalError> {
        let (root, access) = (self.root.clone(), self.access);
        let (rules, scanned) = blocking(move || {
            root.require()?;
            let rules = IgnoreRules::load(root.path())
                .map_err(|error| LocalError::Io(io::Error::new(io::ErrorKind::InvalidData, error)))?;
            let scanned = FileScanner::new(&root, &rules).depth(depth).access(access).scan(&known)?;
            Ok((rules, scanned))
        })
        .await?;
        let Scanned { scan, names } = scanned;
        let view = View { rules: Arc::new(rules), names: Arc::new(names) };
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
        Ok(scan)
    }

    fn is_excluded(&self, path: &RelPath) -> bool {
        self.view().rules.excludes(path)
    }

    async fn read(&self, path: &RelPath, inline_limit: u64) -> Result<LocalContent, LocalError> {
        let name = self.view().names.get(path).cloned().unwrap_or_else(|| PathBuf::from(path.as_str()));
        let (root, access) = (self.root.clone(), self.access);
        blocking(move || content::read(&root, &name, access, inline_limit)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LocalError> + Send + 'static,
) -> Result<T, LocalError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(LocalError::Io(io::Error::other("devlog is shutting down"))),
    }
}
