//! The `pkgsrv` program as a library: the store, channels, publishing and the HTTP server.
//!
//! * A [`Store`] is a directory of [`StoredObject`]s whose paths are their addresses.
//! * [`publish`] checks wheels and changes a channel in one step.
//! * [`Server`] answers for all channels of a store; [`app`] is the same without a socket, [`prompt_app`] the origin of
//!   the page that runs packages' code.
//!
//! The formats themselves are in `pkgsrv-index`, the reader of wheels in `pkgsrv-wheel`.

mod audit;
mod build_page;
mod carried;
mod changes;
mod channel;
mod closure_nodes;
mod data_dir;
mod encoding;
mod environments;
mod error;
mod file_list;
mod gate;
mod home;
mod html;
mod http;
mod lockfile;
mod named;
mod object;
mod overview;
mod package_page;
mod prompt;
mod publish;
mod resolution;
mod routes;
mod settings;
mod signed_files;
mod signing;
mod store;
mod tokens;
mod transfer;
mod trees;
mod upload;
mod uploads;
mod views;
mod wheel_document;

pub use build_page::build_page;
pub use carried::{LOADER, RECIPES, formats, long_version};
pub use changes::{
    ChangedLine, ChannelPoint, DeleteTarget, Deletion, Difference, KeptFor, LineDifference, PromotedLine, Purged,
    ReleaseName, SignedChannel, SignedLine, delete, diff, init_signing, promote, refresh, refresh_due, retire_old_keys,
    rollback, rotate_key, set_status, yank,
};
pub use channel::{Line, read_line};
pub use data_dir::{DataDir, RUNTIME_ENCODINGS, runtime_encodings};
pub use environments::{
    EnvironmentChange, EnvironmentDifference, EnvironmentName, EnvironmentOverview, EnvironmentPackage,
    PromotedEnvironment, environment, environments,
};
pub use error::{AdmissionError, ServerError};
pub use gate::{Gate, abis_of};
pub use home::{Snippet, snippets};
pub use http::{Server, app, serve};
pub use object::{CachePolicy, ChannelName, StoredObject};
pub use overview::{ChannelOverview, LineOverview, overview};
pub use prompt::prompt_app;
pub use publish::{Accepted, Admission, Candidate, Publication, PublishedLine, needed, publish};
pub use resolution::{Question, ResolveError, resolve};
pub use settings::{
    BaseUrl, BuildArgs, DataArgs, FetchArgs, InterpreterArgs, LimitArgs, ListenArgs, PromptArgs, PromptListen,
    PromptSettings, PromptUrl, ProviderArgs, ServeSettings, ToolchainArgs, UploadArgs, UploadSettings, log_filter,
    terminal_kind, wants_colour,
};
pub use signed_files::{sign_files, sign_files_anew};
pub use signing::{DEFAULT_EXPIRY_DAYS, PublicKey};
pub use store::{DiskOperation, DiskWatch, PublishLock, Store, digest_of};
pub use tokens::{
    DEFAULT_TOKEN_DAYS, ProjectPattern, TokenName, TokenRequest, Tokens, UploadToken, create_token, revoke_token,
};
pub use transfer::{
    Export, ExportedLine, Install, InstallError, InstalledWheel, Mirror, Mirrored, MirroredLine, Place, Refused,
    Source, Target, TargetWatch, TransferError, export, install, mirror,
};
pub use upload::Upload;
