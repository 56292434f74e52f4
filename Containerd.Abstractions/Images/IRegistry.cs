namespace Containerd;

/// <summary>A remote place that images come from and go to.</summary>
/// <remarks>
/// <para>What comes from a registry is hostile: descriptors are validated, and whoever stores fetched bytes verifies them against the descriptor.
/// Replies other than content are bounded in size.</para>
/// <para>An implementation retries what is transient, follows redirects, authenticates, and gives up with <see cref="ErrorKind.Timeout"/> where nothing moves any more.
/// Credentials go only to the host they belong to. Thread-safe.</para>
/// <para>Source: distribution-spec v1.1; containerd core/remotes.</para>
/// </remarks>
public interface IRegistry
{
    /// <summary>Finds out what a reference stands for now.</summary>
    /// <param name="reference">The reference, with a tag or a digest. Where it has a digest, that is what is looked for.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The descriptor of an index or a manifest.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such repository, tag or manifest. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: the registry refused, with or without credentials; the message says which. -or-
    /// <see cref="ErrorKind.Unavailable"/>: the registry cannot be reached, or answered with a server error or too many requests. -or-
    /// <see cref="ErrorKind.Timeout"/>: no answer in time. -or-
    /// <see cref="ErrorKind.DataCorrupted"/>: an answer that breaks the protocol, or a manifest larger than allowed. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the reference has neither tag nor digest.</exception>
    Task<Descriptor> ResolveAsync(ImageReference reference, CancellationToken cancellationToken = default);

    /// <summary>Opens content of a repository.</summary>
    /// <param name="reference">The repository; tag and digest do not matter.</param>
    /// <param name="descriptor">What to fetch; its media type decides between manifest and blob.</param>
    /// <param name="offset">How many bytes at the start the caller has already.</param>
    /// <param name="cancellationToken">Stops the call, not the stream.</param>
    /// <returns>
    /// A forward-only stream of the bytes from <paramref name="offset"/> on, ending at the descriptor's size at the latest; the caller disposes it and verifies the
    /// bytes. A connection that breaks while it is read is resumed, and where that fails reading throws what this call throws.
    /// </returns>
    /// <exception cref="ContainerdException">As <see cref="ResolveAsync"/>.</exception>
    Task<Stream> FetchAsync(ImageReference reference, Descriptor descriptor, long offset = 0, CancellationToken cancellationToken = default);

    /// <summary>Puts content into a repository. What a manifest refers to must have been put before it. Idempotent.</summary>
    /// <param name="reference">The repository; for an index or manifest also the tag to give it, if any.</param>
    /// <param name="descriptor">What is put.</param>
    /// <param name="openContent">Opens the content from its start; called once for each attempt. The registry disposes the stream.</param>
    /// <param name="progress">Told the number of bytes sent so far; starts again at 0 when an attempt is repeated. A blob that is there already is never sent.</param>
    /// <param name="cancellationToken">Stops the call; what the registry then has is not visible.</param>
    /// <exception cref="ContainerdException">As <see cref="ResolveAsync"/>. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: the manifest refers to content that the registry does not have.</exception>
    Task PushAsync(
        ImageReference reference,
        Descriptor descriptor,
        Func<CancellationToken, Task<Stream>> openContent,
        IProgress<long>? progress = null,
        CancellationToken cancellationToken = default);
}
