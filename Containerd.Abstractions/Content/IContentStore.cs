namespace Containerd;

/// <summary>Keeps immutable content under its digest.</summary>
/// <remarks>
/// <para>Content comes in through an <em>ingest</em>: <see cref="OpenWriterAsync"/> opens one under a reference that the caller chooses, bytes are appended, and
/// committing makes them content if their digest is right. What is not committed is invisible to readers and can be resumed under the same reference.</para>
/// <para><b>Integrity.</b> Content that can be read was whole and had its digest when it was committed. Reading does not verify again.</para>
/// <para><b>Durability.</b> A commit that has returned survives a loss of power, unless the implementation was told otherwise.</para>
/// <para><b>Concurrency.</b> Thread-safe; any call may run beside any other, from any process if the implementation's store can be shared. Deleting content does not
/// disturb those who have it open.</para>
/// <para>Source: containerd core/content/content.go.</para>
/// <example>
/// <code>
/// await using IContentWriter writer = await store.OpenWriterAsync($"layer-{layer.Digest}", layer, ct);
/// await using Stream body = await registry.FetchAsync(reference, layer, writer.Offset, ct);
/// // copy the body to writer.WriteAsync …
/// await writer.CommitAsync(cancellationToken: ct);
/// await using Stream content = await store.OpenReadAsync(layer.Digest, ct);
/// </code>
/// </example>
/// </remarks>
public interface IContentStore
{
    /// <summary>Looks content up. Content whose bytes have gone missing from the disk counts as absent.</summary>
    /// <param name="digest">Its digest.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>What is known of it, or null where there is none.</returns>
    Task<ContentInfo?> FindAsync(Digest digest, CancellationToken cancellationToken = default);

    /// <summary>Opens content for reading.</summary>
    /// <param name="digest">Its digest.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>A seekable read-only stream whose length is the content's size; the caller disposes it.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such content.</exception>
    Task<Stream> OpenReadAsync(Digest digest, CancellationToken cancellationToken = default);

    /// <summary>Opens an ingest: a new one, or one that an earlier writer left.</summary>
    /// <param name="reference">
    /// What the ingest is known by: 1 to 512 bytes of UTF-8 without control characters, by convention the kind of content and its digest
    /// (<c>layer-sha256:…</c>), so that those who want the same content meet.
    /// </param>
    /// <param name="expected">What is to come, as far as it is known: its digest and size are enforced, and an ingest left by a writer that expected something else is started anew. Null to accept anything.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.AlreadyExists"/>: the store has the content expected. -or-
    /// <see cref="ErrorKind.Unavailable"/>: another writer, of any process, has the ingest open; wait until it is done, then look the content up again. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the reference breaks a rule.</exception>
    Task<IContentWriter> OpenWriterAsync(string reference, Descriptor? expected = null, CancellationToken cancellationToken = default);

    /// <summary>Changes content's labels; everything else about it is fixed.</summary>
    /// <param name="digest">Its digest.</param>
    /// <param name="labels">The change.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The content afterwards.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such content. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: a label breaks a rule.</exception>
    Task<ContentInfo> UpdateAsync(Digest digest, LabelUpdate labels, CancellationToken cancellationToken = default);

    /// <summary>Lists content, in no particular order; what comes or goes meanwhile may be in the list or not.</summary>
    /// <param name="cancellationToken">Stops the listing.</param>
    IAsyncEnumerable<ContentInfo> ListAsync(CancellationToken cancellationToken = default);

    /// <summary>Deletes content, whoever may still refer to it.</summary>
    /// <param name="digest">Its digest.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such content.</exception>
    Task DeleteAsync(Digest digest, CancellationToken cancellationToken = default);

    /// <summary>Lists ingests: those that a writer has open and those that were left.</summary>
    /// <param name="cancellationToken">Stops the listing.</param>
    IAsyncEnumerable<IngestStatus> ListIngestsAsync(CancellationToken cancellationToken = default);

    /// <summary>Drops an ingest and what was written to it.</summary>
    /// <param name="reference">The ingest.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such ingest. -or-
    /// <see cref="ErrorKind.Unavailable"/>: a writer has it open.</exception>
    Task AbortAsync(string reference, CancellationToken cancellationToken = default);
}
