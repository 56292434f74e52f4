using System.Diagnostics;

namespace Containerd.Images;

/// <summary>One layer of an image that is unpacked (U-3).</summary>
internal sealed class ImageUnpackLayer(IContentStore content, ExtractionPlaces places, TimeProvider timeProvider)
{
    // On a layer's content, followed by the turn: the key of the snapshot into which the holder of the turn extracts it. Written before that is made and taken away after
    // it is gone, so that what a killed process leaves is known, and known to be nobody's, to whoever has the turn next. Another content store has turns, and labels, of its own.
    private const string ExtractionPrefix = "containerd.io/extraction.";

    private long _consumed;
    private bool _isVerified;

    public required Image Image { get; init; }

    /// <summary>Its place in the image, from the bottom.</summary>
    public required int Number { get; init; }

    /// <summary>The number of the call that unpacks the image (<see cref="ExtractionPlaces.NextCall"/>).</summary>
    public required long Call { get; init; }

    /// <summary>The chain ID: what its snapshot is called.</summary>
    public required string Name { get; init; }

    /// <summary>The chain ID beneath; null at the bottom.</summary>
    public required string? Parent { get; init; }

    public required ImageUnpack To { get; init; }

    public required IProgress<TransferProgress>? Progress { get; init; }

    private Descriptor Layer => Image.Layers[Number];

    private Digest DiffId => Image.DiffIds[Number];

    private ISnapshotter Snapshotter => To.Snapshotter;

    // In the order of the chain. Whoever waits for a turn or for what is beneath holds no place among the extractions, and whoever has the turn to the lowest layer that is
    // missing waits for nobody: so none waits for ever, however many calls and processes have layers in common.

    /// <summary>Unpacks it, unless that is done already.</summary>
    /// <param name="beneath">Ends when the snapshot beneath is committed.</param>
    /// <param name="isThere">Ends when the content is in the store.</param>
    /// <param name="mayGoAhead">Whether the layer may be extracted before <paramref name="beneath"/> has ended.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public async Task UnpackAsync(Task beneath, Task isThere, bool mayGoAhead, CancellationToken cancellationToken)
    {
        ImageUnpackTurn turn = await ImageUnpackTurn.TakeAsync(
            content, $"unpack-{Snapshotter.Name}-{Name}", () => Report(TransferPhase.Waiting, 0), timeProvider, cancellationToken).ConfigureAwait(false);
        await using (turn.ConfigureAwait(false))
        {
            string label = ExtractionPrefix + turn.Name;
            await RemoveLeftoverAsync(label, cancellationToken).ConfigureAwait(false);
            if (!await IsCommittedAsync(cancellationToken).ConfigureAwait(false)
                && !(mayGoAhead && await ComesFirstAsync(isThere, beneath, cancellationToken).ConfigureAwait(false)
                    && await UnpackAheadAsync(label, beneath, cancellationToken).ConfigureAwait(false)))
            {
                await UnpackOntoParentAsync(label, beneath, isThere, cancellationToken).ConfigureAwait(false);
            }
        }
        Report(TransferPhase.Extracted, Layer.Size);
    }

    private async Task<bool> IsCommittedAsync(CancellationToken cancellationToken) =>
        await Snapshotter.FindAsync(Name, cancellationToken).ConfigureAwait(false) is { Kind: SnapshotKind.Committed };

    private static async Task<bool> ComesFirstAsync(Task first, Task other, CancellationToken cancellationToken)
    {
        await Task.WhenAny(other, first).WaitAsync(cancellationToken).ConfigureAwait(false);
        if (other.IsCompleted)
            return false;
        await first.ConfigureAwait(false);
        return true;
    }

    /// <summary>Extracts the layer with nothing beneath, and gives it its parent when that is there; false where it has to be extracted on the parent.</summary>
    private Task<bool> UnpackAheadAsync(string label, Task beneath, CancellationToken cancellationToken) => WithSnapshotAsync(label, async key =>
    {
        // In another chain already (L-7). Without the parent only a name of our own can be given to it; that keeps it until the parent is there.
        if (await Snapshotter.AdoptAsync(key, null, DiffId, SnapshotLabels, cancellationToken).ConfigureAwait(false) is not null)
        {
            await beneath.WaitAsync(cancellationToken).ConfigureAwait(false);
            return await TryAdoptAsync(cancellationToken).ConfigureAwait(false);
        }
        LayerApplyResult? applied = null;
        try
        {
            applied = await ExtractAsync(key, parent: null, cancellationToken).ConfigureAwait(false);
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.InvalidArgument)
        {
            // It may be wrong, or have a hard link to what only the parent has. On the parent it shows.
        }
        await beneath.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (applied is not null)
                await CommitAsync(key, Parent, applied, cancellationToken).ConfigureAwait(false);
            return applied is not null;
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.FailedPrecondition)
        {
            return false; // a link or a file of the parent is where the layer goes through
        }
    }, cancellationToken);

    private async Task UnpackOntoParentAsync(string label, Task beneath, Task isThere, CancellationToken cancellationToken)
    {
        await beneath.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (await TryAdoptAsync(cancellationToken).ConfigureAwait(false))
            return;
        await isThere.WaitAsync(cancellationToken).ConfigureAwait(false);
        await WithSnapshotAsync(label, async key =>
        {
            LayerApplyResult applied = await ExtractAsync(key, Parent, cancellationToken).ConfigureAwait(false);
            await CommitAsync(key, parent: null, applied, cancellationToken).ConfigureAwait(false);
            return true;
        }, cancellationToken).ConfigureAwait(false);
    }

    private async Task<bool> TryAdoptAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await Snapshotter.AdoptAsync(Name, Parent, DiffId, cancellationToken: cancellationToken).ConfigureAwait(false) is not null;
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.AlreadyExists)
        {
            if (!await IsCommittedAsync(cancellationToken).ConfigureAwait(false))
                throw; // somebody works in a snapshot that has this name
            return true;
        }
    }

    private Dictionary<string, string> SnapshotLabels => new() { [Labels.SnapshotRef] = Name };

    private async Task<LayerApplyResult> ExtractAsync(string key, string? parent, CancellationToken cancellationToken)
    {
        await places.TakeAsync(Call, Number, cancellationToken).ConfigureAwait(false);
        try
        {
            using Activity? activity = ImagesTelemetry.Source.StartActivity("containerd.images.unpack_layer");
            activity?.SetTag("containerd.layer.digest", Layer.Digest.ToString());
            // With nothing beneath, what it deletes is kept: it gets a parent later, or is at the bottom here and in the middle of another chain (L-7).
            bool isLayer = parent is null && Snapshotter.Capabilities.HasFlag(SnapshotterCapabilities.Rebase);
            var preparation = new SnapshotOptions { Labels = SnapshotLabels, IsLayer = isLayer };
            IReadOnlyList<Mount> mounts = await Snapshotter.PrepareAsync(key, parent, preparation, cancellationToken).ConfigureAwait(false);
            LayerApplyResult applied = await ApplyAsync(mounts, cancellationToken).ConfigureAwait(false);
            Verify(applied);
            _isVerified = true;
            return applied;
        }
        finally
        {
            places.Release();
        }
    }

    private async Task<LayerApplyResult> ApplyAsync(IReadOnlyList<Mount> mounts, CancellationToken cancellationToken)
    {
        Report(TransferPhase.Extracting, _consumed);
        Stream stream = await content.OpenReadAsync(Layer.Digest, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            IProgress<long>? consumed = Progress is null ? null : new Consumed(this);
            return await To.Applier.ApplyAsync(Layer, stream, mounts, consumed, cancellationToken).ConfigureAwait(false);
        }
    }

    private void Verify(LayerApplyResult applied)
    {
        if (applied.DiffId.Algorithm != DiffId.Algorithm)
        {
            throw new ContainerdException(
                ErrorKind.NotSupported,
                $"Layer {Number} ({Layer.Digest}) of {Excerpt.Of(Image.Name)} is described by a {DiffId.Algorithm} diff ID; this applier tells {applied.DiffId.Algorithm}, so that it cannot be verified.")
            { Subject = Layer.Digest.ToString() };
        }
        if (applied.DiffId != DiffId)
            throw new DigestMismatchException($"Layer {Number} ({Layer.Digest}) of {Excerpt.Of(Image.Name)}, uncompressed", DiffId, applied.DiffId, null, applied.Size);
    }

    private async Task CommitAsync(string key, string? parent, LayerApplyResult applied, CancellationToken cancellationToken)
    {
        try
        {
            var options = new SnapshotCommitOptions { Parent = parent, DiffId = DiffId, IsIndependentOfParent = !applied.DependsOnBase };
            await Snapshotter.CommitAsync(Name, key, options, cancellationToken).ConfigureAwait(false);
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.AlreadyExists)
        {
            // A user of another content store was faster; the tree is the same. Or somebody works in a snapshot that has this name.
            if (!await IsCommittedAsync(cancellationToken).ConfigureAwait(false))
                throw;
        }
    }

    /// <summary>Works with a snapshot that nobody else knows of, and that is gone afterwards unless the work has made something else of it.</summary>
    private async Task<bool> WithSnapshotAsync(string label, Func<string, Task<bool>> work, CancellationToken cancellationToken)
    {
        string key = $"extract-{timeProvider.GetUtcNow().ToUnixTimeMilliseconds()}-{Guid.NewGuid():N} {Name}";
        await content.UpdateAsync(Layer.Digest, LabelUpdate.Set(label, key), cancellationToken).ConfigureAwait(false);
        bool result;
        try
        {
            result = await work(key).ConfigureAwait(false);
        }
        catch
        {
            try
            {
                await ForgetAsync(key, label).ConfigureAwait(false);
            }
            catch (ContainerdException)
            {
                // Why the work failed matters more. The snapshot stays recorded, and goes with the next turn.
            }
            throw;
        }
        await ForgetAsync(key, label).ConfigureAwait(false);
        return result;
    }

    private async Task RemoveLeftoverAsync(string label, CancellationToken cancellationToken)
    {
        if (await content.FindAsync(Layer.Digest, cancellationToken).ConfigureAwait(false) is { } known && known.Labels.TryGetValue(label, out string? key))
            await ForgetAsync(key, label).ConfigureAwait(false);
    }

    private async Task ForgetAsync(string key, string label)
    {
        try
        {
            await Snapshotter.RemoveAsync(key, CancellationToken.None).ConfigureAwait(false);
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.NotFound)
        {
            // It was never made, or is committed: also by a commit that was cancelled at its end.
        }
        var labels = new Dictionary<string, string?> { [label] = null };
        if (_isVerified)
            labels[Labels.Uncompressed] = DiffId.ToString();
        try
        {
            await content.UpdateAsync(Layer.Digest, LabelUpdate.Merge(labels), CancellationToken.None).ConfigureAwait(false);
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.NotFound)
        {
            // Deleted meanwhile; the snapshot does not need it any more.
        }
    }

    private void Report(TransferPhase phase, long bytes) => Progress?.Report(new TransferProgress(phase, Layer, bytes));

    // A second extraction, on the parent, tells nothing until it is further than the first one was.
    private sealed class Consumed(ImageUnpackLayer layer) : IProgress<long>
    {
        public void Report(long value)
        {
            if (value < layer._consumed)
                return;
            layer._consumed = value;
            layer.Report(TransferPhase.Extracting, value);
        }
    }
}
