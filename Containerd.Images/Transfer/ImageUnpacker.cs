namespace Containerd.Images;

/// <summary>Turns the layers of an image into a chain of committed snapshots (U-1 … U-8).</summary>
/// <param name="content">Where the layers are.</param>
/// <param name="places">A place for each layer that may be extracted at once, by all calls together.</param>
/// <param name="timeProvider">The clock.</param>
internal sealed class ImageUnpacker(IContentStore content, ExtractionPlaces places, TimeProvider timeProvider)
{
    // Each holds a few files open until those beneath it are committed; an image may have any number of layers.
    private const int MaxLayersInHand = 64;

    /// <summary>Unpacks what is missing: side by side where the snapshotter can put a layer onto its parent afterwards, else one after the other (U-5).</summary>
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

        bool sideBySide = to.Snapshotter.Capabilities.HasFlag(SnapshotterCapabilities.Rebase);
        int inHand = sideBySide ? MaxLayersInHand : 1;
        long call = places.NextCall();
        var met = new HashSet<Digest>();
        var layers = new Task[chain.Count];
        Array.Fill(layers, Task.CompletedTask, 0, missing);
        using var group = new TaskGroup(cancellationToken);
        for (int i = missing; i < chain.Count; i++)
        {
            var layer = new ImageUnpackLayer(content, places, timeProvider)
            {
                Image = image, Number = i, Name = chain[i].ToString(), Parent = i == 0 ? null : chain[i - 1].ToString(), To = to, Progress = progress, Call = call,
            };
            // What the image has twice is extracted once: the upper one finds what the lower one has become.
            bool mayGoAhead = sideBySide && met.Add(image.DiffIds[i]);
            Task beneath = i > missing ? layers[i - 1] : Task.CompletedTask, before = i - inHand >= missing ? layers[i - inHand] : Task.CompletedTask;
            Func<Task> isThere = () => layerIsThere(layer.Number);
            // From the bottom: left to itself, the pool begins with what came last.
            layers[i] = group.Run(token => Task.Factory.StartNew(
                async () =>
                {
                    await before.WaitAsync(token).ConfigureAwait(false);
                    await layer.UnpackAsync(beneath, isThere(), mayGoAhead, token).ConfigureAwait(false);
                },
                token,
                TaskCreationOptions.PreferFairness | TaskCreationOptions.DenyChildAttach,
                TaskScheduler.Default).Unwrap());
        }
        await group.WaitAsync(cancellationToken).ConfigureAwait(false);
        string top = chain[^1].ToString();
        await to.Snapshotter.GetAsync(top, cancellationToken).ConfigureAwait(false);
        return top;
    }
}
