/** What went wrong, stable across versions. */
export type LoaderErrorCode =
  /** An option or argument is not of the documented kind. */
  | "invalid_argument"
  /** Text is no requirement such as `foo>=1`. */
  | "invalid_requirement"
  /** The request failed or broke off. */
  | "network"
  /** The server answered with another status than 200. */
  | "http_status"
  /** Bytes have another SHA-256 or size than the repodata, the head or a signed list states. */
  | "hash_mismatch"
  /** The head, or the list of what interpreters start from, is not signed by a key that the page trusts, or does not name a file. */
  | "bad_signature"
  /** One of them is signed, and its time is over. */
  | "expired_head"
  /** One of them is older than one that was there before. */
  | "older_head"
  /** Signatures cannot be checked here: no secure context, or no Ed25519. */
  | "signature_unsupported"
  /** Head or repodata cannot be read. */
  | "bad_repodata"
  /** Repodata, lock or wheel is for another ABI or Python than the interpreter's. */
  | "wrong_abi"
  /** The repodata has no package of that name. */
  | "unknown_package"
  /** No version fits everyone who asks. */
  | "no_matching_version"
  /** Something that is installed already stands in the way. */
  | "installed_conflict"
  /** A lock is none, or one of another format. */
  | "bad_lock"
  /** What is to be uninstalled is not there. */
  | "not_installed"
  /** What is to be uninstalled is part of the runtime, or has no record of its files. */
  | "not_removable"
  /** Another version of a library is linked, was uninstalled, and cannot be taken back before the interpreter restarts. */
  | "still_linked"
  /** A wheel is damaged, hostile or of another project. */
  | "bad_wheel"
  /** A side module cannot be read or compiled. */
  | "bad_module"
  /** A side module needs a feature that the runtime does not have. */
  | "unsupported_module"
  /** A side module imports a symbol that nothing provides. */
  | "missing_symbol"
  /** A side module needs a library that is not there. */
  | "missing_library"
  /** The interpreter lacks what the loader builds on. */
  | "unsupported_runtime"
  /** The channel has no environment of that name. */
  | "unknown_environment"
  /** The file of an environment is damaged, or another version made it. */
  | "bad_environment"
  /** An environment has something that an image cannot hold. */
  | "unsupported_environment"
  /** A file could not be written into the interpreter's file system. */
  | "file_system"
  /** A side module could not be instantiated. */
  | "link_failed"
  /** The signal given to `install` was aborted. */
  | "aborted"
  /** A defect of the loader. */
  | "internal";

/** The only kind of error that the loader throws. */
export class LoaderError extends Error {
  override readonly name = "LoaderError";
  /** What went wrong, for programs. */
  readonly code: LoaderErrorCode;
  /** The server's status, with the code `http_status`. */
  readonly status?: number;

  /** @internal Milliseconds after which the same request may succeed; none where that cannot be. */
  readonly retryAfter?: number | undefined;

  /** @internal */
  constructor(
    code: LoaderErrorCode,
    message: string,
    options?: { cause?: unknown; status?: number; retryAfter?: number | undefined },
  ) {
    super(message, options);
    this.code = code;
    this.retryAfter = options?.retryAfter;
    if (options?.status !== undefined) this.status = options.status;
  }
}

/** @internal Why an image is not used, in words. */
export class UnusableImage extends Error {
  override readonly name = "UnusableImage";
}

/** The error as a `LoaderError`; others become its cause. */
export function asLoaderError(error: unknown, code: LoaderErrorCode, what: string): LoaderError {
  if (error instanceof LoaderError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new LoaderError(code, `${what}: ${detail}`, { cause: error });
}
