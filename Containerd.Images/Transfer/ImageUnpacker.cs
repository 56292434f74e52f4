using System.Diagnostics;

namespace Containerd.Images;

/// <summary>Turns the layers of an image into a chain of committed snapshots (U-1 … U-8).</summary>
internal sealed class ImageUnpacker(IContentStore content, TimeProvider timeProvider)
{
    // On a layer's content, followed by the turn: the key of the snapshot into which the holder of the turn extracts it. Written before that is made and taken away after
    // it is gone, so that what a killed process leaves is known, and known to be nobody's, to whoever has the turn next. Another content store has turns, and labels, of its own.
    private const string ExtractionPrefix = "containerd.io/extraction.";

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(16);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(1);

    /// <summary>Unpacks what is missing.</summary>
    /// <param name="image">The image.</param>
    /// <param name="to">Where to.</param>
    /// <param name="layerIsThere">Waits until the content of a layer, by number, is in the store.</param>
    /// <param name="progress">Told of each layer.</param>
    /// <param name="cancellationToken">Stops between and within layers; whole layers stay.</param>
    public async Task<string> UnpackAsync(
        Image image, ImageUnpack to, Func<int, Task> layerIsThere, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        IReadOnlyList<Digest> chain = ChainId.ComputeAll(image.DiffIds);
        if (chain.Count == 0)
            throw new ContainerdException(ErrorKind.InvalidArgument, $"{Excerpt.Of(image.Name)} has no layers to unpack.") { Subject = image.Name };
        if (chain.Count != image.Layers.Count)
            throw new ContainerdException(ErrorKind.InvalidArgument, $"{Excerpt.Of(image.Name)} has {image.Layers.Count} layers and {chain.Count} diff IDs.") { Subject = image.Name };

        // From the top: a snapshot that is there keeps everything beneath it.
        int missing = chain.Count;
        while (missing > 0 && await to.Snapshotter.FindAsync(chain[missing - 1].ToString(), cancellationToken).ConfigureAwait(false) is not { Kind: SnapshotKind.Committed })
            missing--;
        for (int i = 0; i < missing; i++)
            progress?.Report(new TransferProgress(TransferPhase.Extracted, image.Layers[i], image.Layers[i].Size));
        for (int i = missing; i < chain.Count; i++)
        {
            string? parent = i == 0 ? null : chain[i - 1].ToString();
            await UnpackLayerAsync(image, i, chain[i].ToString(), parent, to, layerIsThere, progress, cancellationToken).ConfigureAwait(false);
            progress?.Report(new TransferProgress(TransferPhase.Extracted, image.Layers[i], image.Layers[i].Size));
        }
        string top = chain[^1].ToString();
        await to.Snapshotter.GetAsync(top, cancellationToken).ConfigureAwait(false);
        return top;
    }

    private async Task UnpackLayerAsync(
        Image image, int number, string name, string? parent, ImageUnpack to, Func<int, Task> layerIsThere, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        // An ingest that is never written is a lock that all users of the content store share and that its holder's process cannot outlive.
        string turn = $"unpack-{to.Snapshotter.Name}-{name}";
        for (TimeSpan delay = FirstDelay; ; delay = delay * 2 < LongestDelay ? delay * 2 : LongestDelay)
        {
            if (await TryTakeTurnAsync(turn, cancellationToken).ConfigureAwait(false) is { } taken)
            {
                try
                {
                    string label = ExtractionPrefix + turn;
                    await RemoveLeftoverAsync(image.Layers[number].Digest, label, to.Snapshotter, cancellationToken).ConfigureAwait(false);
                    if (!await IsThereAsync(image.DiffIds[number], name, parent, to.Snapshotter, cancellationToken).ConfigureAwait(false))
                    {
                        await layerIsThere(number).WaitAsync(cancellationToken).ConfigureAwait(false);
                        await ExtractAsync(image, number, name, parent, label, to, progress, cancellationToken).ConfigureAwait(false);
                    }
                    return;
                }
                finally
                {
                    await taken.DisposeAsync().ConfigureAwait(false);
                    await ForgetTurnAsync(turn).ConfigureAwait(false);
                }
            }
            progress?.Report(new TransferProgress(TransferPhase.Waiting, image.Layers[number], 0));
            await Task.Delay(delay, timeProvider, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<IContentWriter?> TryTakeTurnAsync(string turn, CancellationToken cancellationToken)
    {
        try
        {
            return await content.OpenWriterAsync(turn, expected: null, cancellationToken).ConfigureAwait(false);
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.Unavailable)
        {
            return null;
        }
    }

    private async Task ForgetTurnAsync(string turn)
    {
        try
        {
            await content.AbortAsync(turn, CancellationToken.None).ConfigureAwait(false);
        }
        catch (ContainerdException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.NotFound)
        {
            // The next one has it already, or had it and is done.
        }
    }

    /// <summary>Whether the layer's snapshot is there, or the snapshotter can make it without the layer.</summary>
    private static async Task<bool> IsThereAsync(Digest diffId, string name, string? parent, ISnapshotter snapshotter, CancellationToken cancellationToken)
    {
        if (await snapshotter.FindAsync(name, cancellationToken).ConfigureAwait(false) is { Kind: SnapshotKind.Committed })
            return true;
        try
        {
            return await snapshotter.AdoptAsync(name, parent, diffId, cancellationToken: cancellationToken).ConfigureAwait(false) is not null;
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.AlreadyExists)
        {
            return true;
        }
    }

    private async Task RemoveLeftoverAsync(Digest layer, string label, ISnapshotter snapshotter, CancellationToken cancellationToken)
    {
        if (await content.FindAsync(layer, cancellationToken).ConfigureAwait(false) is { } known && known.Labels.TryGetValue(label, out string? key))
        {
            await RemoveAsync(snapshotter, key).ConfigureAwait(false);
            await LabelAsync(layer, LabelUpdate.Remove(label), cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task ExtractAsync(
        Image image, int number, string name, string? parent, string label, ImageUnpack to, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        Descriptor layer = image.Layers[number];
        Digest diffId = image.DiffIds[number];
        using Activity? activity = ImagesTelemetry.Source.StartActivity("containerd.images.unpack_layer");
        activity?.SetTag("containerd.layer.digest", layer.Digest.ToString());

        // Nobody else ever has this key, so that whatever happens here it can be removed.
        string key = $"extract-{timeProvider.GetUtcNow().ToUnixTimeMilliseconds()}-{Guid.NewGuid():N} {name}";
        var labels = new Dictionary<string, string> { [Labels.SnapshotRef] = name };
        await content.UpdateAsync(layer.Digest, LabelUpdate.Set(label, key), cancellationToken).ConfigureAwait(false);
        bool isCommitted = false;
        try
        {
            // At the bottom of this chain, the layer may be in the middle of another: with what it deletes kept, one tree serves both (L-7).
            bool isLayer = parent is null && to.Snapshotter.Capabilities.HasFlag(SnapshotterCapabilities.Rebase);
            var preparation = new SnapshotOptions { Labels = labels, IsLayer = isLayer };
            IReadOnlyList<Mount> mounts = await to.Snapshotter.PrepareAsync(key, parent, preparation, cancellationToken).ConfigureAwait(false);
            LayerApplyResult applied = await ApplyAsync(layer, mounts, to.Applier, progress, cancellationToken).ConfigureAwait(false);
            if (applied.DiffId.Algorithm != diffId.Algorithm)
            {
                throw new ContainerdException(
                    ErrorKind.NotSupported,
                    $"Layer {number} ({layer.Digest}) of {Excerpt.Of(image.Name)} is described by a {diffId.Algorithm} diff ID; this applier tells {applied.DiffId.Algorithm}, so that it cannot be verified.")
                { Subject = layer.Digest.ToString() };
            }
            if (applied.DiffId != diffId)
                throw new DigestMismatchException($"Layer {number} ({layer.Digest}) of {Excerpt.Of(image.Name)}, uncompressed", diffId, applied.DiffId, null, applied.Size);
            var options = new SnapshotCommitOptions { DiffId = diffId, IsIndependentOfParent = !applied.DependsOnBase };
            try
            {
                await to.Snapshotter.CommitAsync(name, key, options, cancellationToken).ConfigureAwait(false);
                isCommitted = true;
            }
            catch (ContainerdException e) when (e.Kind == ErrorKind.AlreadyExists)
            {
                // A user of another content store was faster; the tree is the same.
            }
        }
        finally
        {
            if (!isCommitted)
            {
                await RemoveAsync(to.Snapshotter, key).ConfigureAwait(false);
                await LabelAsync(layer.Digest, LabelUpdate.Remove(label), CancellationToken.None).ConfigureAwait(false);
            }
        }
        var done = new Dictionary<string, string?> { [Labels.Uncompressed] = diffId.ToString(), [label] = null };
        await LabelAsync(layer.Digest, LabelUpdate.Merge(done), CancellationToken.None).ConfigureAwait(false);
    }

    private async Task<LayerApplyResult> ApplyAsync(
        Descriptor layer, IReadOnlyList<Mount> mounts, ILayerApplier applier, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        progress?.Report(new TransferProgress(TransferPhase.Extracting, layer, 0));
        Stream stream = await content.OpenReadAsync(layer.Digest, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            IProgress<long>? consumed = progress is null ? null : new Consumed(layer, progress);
            return await applier.ApplyAsync(layer, stream, mounts, consumed, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task RemoveAsync(ISnapshotter snapshotter, string key)
    {
        try
        {
            await snapshotter.RemoveAsync(key, CancellationToken.None).ConfigureAwait(false);
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.NotFound)
        {
            // A commit that was cancelled at its end has taken the key away: that is as good.
        }
    }

    private async Task LabelAsync(Digest layer, LabelUpdate labels, CancellationToken cancellationToken)
    {
        try
        {
            await content.UpdateAsync(layer, labels, cancellationToken).ConfigureAwait(false);
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.NotFound)
        {
            // Deleted meanwhile; the snapshot does not need it any more.
        }
    }

    private sealed class Consumed(Descriptor layer, IProgress<TransferProgress> progress) : IProgress<long>
    {
        public void Report(long value) => progress.Report(new TransferProgress(TransferPhase.Extracting, layer, value));
    }
}
