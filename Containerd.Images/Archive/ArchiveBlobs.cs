namespace Containerd.Images;

/// <summary>Stores the blobs of an archive, and everything an image in it refers to.</summary>
internal sealed class ArchiveBlobs(ArchiveSource source, ContentTransfer transfer, IContentStore content, IProgress<TransferProgress>? progress)
{
    private const int MaxDepth = 4;

    // What has been stored, or was not there: indexes that name one another again and again cost no more than what they name. The depth belongs to it, since how deep
    // an index may be nested depends on where it is met.
    private readonly Dictionary<(Digest Digest, long Size, string MediaType, int Depth), bool> _visited = [];

    public async Task StoreImageAsync(Descriptor target, CancellationToken cancellationToken)
    {
        if (!await StoreAsync(target, MaxDepth, cancellationToken).ConfigureAwait(false))
            throw Missing(target);
    }

    /// <summary>Stores one blob; false where neither the archive nor the store has it.</summary>
    public async Task<bool> StoreBlobAsync(Descriptor descriptor, Func<Stream?> open, CancellationToken cancellationToken)
    {
        if (await content.FindAsync(descriptor.Digest, cancellationToken).ConfigureAwait(false) is null)
        {
            using Stream? present = open();
            if (present is null)
                return false;
            if (present.Length != descriptor.Size)
            {
                throw new ContainerdException(
                    ErrorKind.DataCorrupted, $"{source.Description} has {present.Length} bytes of what it describes as {descriptor}.") { Subject = descriptor.Digest.ToString() };
            }
        }
        await transfer.EnsureAsync(
            descriptor,
            (offset, _) => Task.FromResult(ContentTransfer.Skip(open() ?? throw Missing(descriptor), offset)),
            progress,
            cancellationToken).ConfigureAwait(false);
        return true;
    }

    private async Task<bool> StoreAsync(Descriptor descriptor, int depth, CancellationToken cancellationToken)
    {
        (Digest, long, string, int) key = (descriptor.Digest, descriptor.Size, descriptor.MediaType, depth);
        if (!_visited.TryGetValue(key, out bool isStored))
            _visited[key] = isStored = await StoreOnceAsync(descriptor, depth, cancellationToken).ConfigureAwait(false);
        return isStored;
    }

    private async Task<bool> StoreOnceAsync(Descriptor descriptor, int depth, CancellationToken cancellationToken)
    {
        if (!await StoreBlobAsync(descriptor, () => source.OpenBlob(descriptor.Digest), cancellationToken).ConfigureAwait(false))
            return false;
        if (MediaTypes.IsIndex(descriptor.MediaType))
        {
            if (depth == 0)
                throw new ContainerdException(ErrorKind.NotSupported, $"The indexes in {source.Description} are nested more than {MaxDepth} deep.") { Subject = descriptor.Digest.ToString() };
            byte[] json = await content.ReadAsync(descriptor, ImageManifest.MaxBytes, cancellationToken).ConfigureAwait(false);
            int stored = 0;
            // Programs that save one platform of many keep the whole index: what is not there was not meant to be.
            foreach (Descriptor child in ImageIndex.Parse(json, descriptor.MediaType).Manifests)
                stored += await StoreAsync(child, depth - 1, cancellationToken).ConfigureAwait(false) ? 1 : 0;
            return stored > 0;
        }
        if (MediaTypes.IsManifest(descriptor.MediaType))
        {
            byte[] json = await content.ReadAsync(descriptor, ImageManifest.MaxBytes, cancellationToken).ConfigureAwait(false);
            ImageManifest manifest = ImageManifest.Parse(json, descriptor.MediaType);
            foreach (Descriptor child in manifest.Layers.Prepend(manifest.Config).DistinctBy(child => child.Digest))
            {
                if (!await StoreBlobAsync(child, () => source.OpenBlob(child.Digest), cancellationToken).ConfigureAwait(false))
                    throw Missing(child);
            }
        }
        return true;
    }

    private ContainerdException Missing(Descriptor descriptor) =>
        new(ErrorKind.NotFound, $"{source.Description} refers to {descriptor}, but neither it nor the content store has that.") { Subject = descriptor.Digest.ToString() };
}
