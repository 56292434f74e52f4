namespace Containerd;

/// <summary>An ingest in progress: takes bytes and in the end becomes content under their digest.</summary>
/// <remarks>
/// <para>Not thread-safe: one call at a time. Only one writer, of any process, has an ingest open.</para>
/// <para>Disposal closes the writer and keeps what was written, so that the same reference can be opened again and go on from
/// <see cref="Offset"/>, also after the process was killed. To give an ingest up, dispose it and call <see cref="IContentStore.AbortAsync"/>.</para>
/// </remarks>
public interface IContentWriter : IAsyncDisposable
{
    /// <summary>The reference the ingest is known by.</summary>
    string Reference { get; }

    /// <summary>Bytes written so far, those of earlier writers of this reference included.</summary>
    long Offset { get; }

    /// <summary>Appends bytes.</summary>
    /// <param name="bytes">The bytes. They may be used again when the task completes.</param>
    /// <param name="cancellationToken">Stops the call; <see cref="Offset"/> then tells what was written.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.ResourceExhausted"/>: the disk is full, or more bytes came than were expected. What was written stays.</exception>
    /// <exception cref="ObjectDisposedException">The writer was disposed or committed.</exception>
    ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken = default);

    /// <summary>Drops everything written so far; <see cref="Offset"/> is 0 afterwards.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    ValueTask ResetAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Checks what was written against what was expected, makes it durable, and makes it visible as content; in that order, so that content that is
    /// visible is always whole. The writer is closed afterwards, whatever the outcome.
    /// </summary>
    /// <param name="expected">The digest it must have; null to accept the one it has. Where the ingest was opened with a descriptor, that one counts too.</param>
    /// <param name="labels">Labels of the content; null for none.</param>
    /// <param name="cancellationToken">Stops the call; the ingest then stays.</param>
    /// <returns>The content. Where the store had it already, what it had, the labels merged into its own.</returns>
    /// <exception cref="DigestMismatchException">The digest is not what was expected. The ingest is dropped: its bytes are worth nothing.</exception>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: the size is smaller than expected; the ingest stays and can be continued. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: the disk is full; the ingest stays.</exception>
    /// <exception cref="ObjectDisposedException">The writer was disposed or committed.</exception>
    Task<ContentInfo> CommitAsync(
        Digest? expected = null, IReadOnlyDictionary<string, string>? labels = null, CancellationToken cancellationToken = default);
}
