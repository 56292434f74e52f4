namespace Containerd;

/// <summary>Keeps the names of images.</summary>
/// <remarks>
/// <para>A name stands for one descriptor at a time. It says nothing of whether the content is in any content store.</para>
/// <para>Every call is atomic and, when it has returned, durable unless the implementation was told otherwise. Thread-safe; any call may run beside any
/// other, from any process if the implementation's store can be shared. Updates compare and set, so that no change is lost.</para>
/// <para>Source: containerd core/images/image.go.</para>
/// </remarks>
public interface IImageStore
{
    /// <summary>Looks a name up.</summary>
    /// <param name="name">The name.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>What it stands for, or null where there is no such name.</returns>
    Task<ImageRecord?> FindAsync(string name, CancellationToken cancellationToken = default);

    /// <summary>Lists the names, ordinally sorted.</summary>
    /// <param name="cancellationToken">Stops the listing.</param>
    IAsyncEnumerable<ImageRecord> ListAsync(CancellationToken cancellationToken = default);

    /// <summary>Makes a name.</summary>
    /// <param name="image">Name, target and labels; the times are set by the store.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>What was stored.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.AlreadyExists"/>: the name is taken. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the name or a label breaks a rule.</exception>
    Task<ImageRecord> CreateAsync(ImageRecord image, CancellationToken cancellationToken = default);

    /// <summary>Changes what a name stands for, its labels, or both.</summary>
    /// <param name="name">The name.</param>
    /// <param name="target">Its new target; null to keep the one it has.</param>
    /// <param name="labels">The change of its labels; null for none.</param>
    /// <param name="expectedTarget">The digest its target must have for the change to be made; null for any.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>What is stored afterwards.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such name. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: its target is not the one expected; nothing was changed. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: a label breaks a rule.</exception>
    Task<ImageRecord> UpdateAsync(
        string name,
        Descriptor? target = null,
        LabelUpdate? labels = null,
        Digest? expectedTarget = null,
        CancellationToken cancellationToken = default);

    /// <summary>Removes a name. The content it stood for stays.</summary>
    /// <param name="name">The name.</param>
    /// <param name="expectedTarget">The digest its target must have for the name to be removed; null for any.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such name. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: its target is not the one expected; nothing was removed.</exception>
    Task DeleteAsync(string name, Digest? expectedTarget = null, CancellationToken cancellationToken = default);
}
