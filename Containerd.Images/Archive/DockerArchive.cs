using System.Text.Json;

namespace Containerd.Images;

/// <summary>The archive of an older <c>docker save</c>: <c>manifest.json</c> names a configuration and uncompressed layers; manifests are made here (I-1).</summary>
internal sealed class DockerArchive(ArchiveSource source, ArchiveBlobs blobs)
{
    private const int MaxImages = 1000;
    private const int HashBufferBytes = 1 << 20;

    private readonly Dictionary<string, Descriptor> _layers = new(StringComparer.Ordinal);

    /// <summary>The images; their content is stored then. Null where there is no <c>manifest.json</c>.</summary>
    public async Task<IReadOnlyList<(Descriptor Target, IReadOnlyList<string> Names)>?> ReadAsync(CancellationToken cancellationToken)
    {
        if (await source.ReadAsync("manifest.json", ImageManifest.MaxBytes, cancellationToken).ConfigureAwait(false) is not { } json)
            return null;
        List<DockerArchiveImage> images = ImageJson.Parse(json, ImageJson.Default.ListDockerArchiveImage, "'manifest.json'");
        if (images.Count > MaxImages)
            throw new ContainerdException(ErrorKind.ResourceExhausted, $"{source.Description} has more than {MaxImages} images.");
        var found = new List<(Descriptor, IReadOnlyList<string>)>();
        foreach (DockerArchiveImage image in images)
        {
            Descriptor manifest = await StoreAsync(image, cancellationToken).ConfigureAwait(false);
            found.Add((manifest, [.. (image.RepoTags ?? []).Select(Familiar)]));
        }
        return found;
    }

    private async Task<Descriptor> StoreAsync(DockerArchiveImage image, CancellationToken cancellationToken)
    {
        byte[] json = await source.ReadAsync(image.Config, ImageConfiguration.MaxBytes, cancellationToken).ConfigureAwait(false) ?? throw Missing(image.Config);
        ImageConfiguration configuration = ImageConfiguration.Parse(json);
        IReadOnlyList<Digest> diffIds = configuration.RootFileSystem.DiffIds;
        if (diffIds.Count != image.Layers.Count)
            throw new ContainerdException(ErrorKind.DataCorrupted, $"An image in {source.Description} has {image.Layers.Count} layers, but its configuration names {diffIds.Count}.");
        var config = new Descriptor { MediaType = MediaTypes.DockerConfig, Digest = Digest.Sha256(json), Size = json.Length };
        await blobs.StoreBlobAsync(config, () => new MemoryStream(json, writable: false), cancellationToken).ConfigureAwait(false);

        var layers = new List<Descriptor>();
        for (int i = 0; i < diffIds.Count; i++)
        {
            Descriptor layer = await LayerAsync(image.Layers[i], cancellationToken).ConfigureAwait(false);
            if (layer.MediaType == MediaTypes.DockerLayer && layer.Digest != diffIds[i] && diffIds[i].Algorithm == layer.Digest.Algorithm)
                throw new DigestMismatchException($"Layer '{Excerpt.Of(image.Layers[i])}' in {source.Description}", diffIds[i], layer.Digest, null, layer.Size);
            await blobs.StoreBlobAsync(layer, () => source.Open(image.Layers[i]), cancellationToken).ConfigureAwait(false);
            layers.Add(layer);
        }

        byte[] manifest = JsonSerializer.SerializeToUtf8Bytes(
            new ImageManifest { SchemaVersion = 2, MediaType = MediaTypes.DockerManifest, Config = config, Layers = layers }, ImageJson.Default.ImageManifest);
        var target = new Descriptor { MediaType = MediaTypes.DockerManifest, Digest = Digest.Sha256(manifest), Size = manifest.Length };
        await blobs.StoreBlobAsync(target, () => new MemoryStream(manifest, writable: false), cancellationToken).ConfigureAwait(false);
        return target;
    }

    // The archive does not say what the layer's digest is: it is hashed once, and again while it is stored.
    private async Task<Descriptor> LayerAsync(string name, CancellationToken cancellationToken)
    {
        if (_layers.TryGetValue(name, out Descriptor? known))
            return known;
        Stream content = source.Open(name) ?? throw Missing(name);
        await using (content.ConfigureAwait(false))
        {
            using var hash = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
            byte[] buffer = new byte[HashBufferBytes];
            string? mediaType = null;
            long size = 0;
            int read;
            while ((read = await content.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false)) > 0)
            {
                mediaType ??= MediaTypeOf(buffer.AsSpan(0, read));
                hash.AppendData(buffer, 0, read);
                size += read;
            }
            Digest digest = Digest.FromHash(System.Security.Cryptography.HashAlgorithmName.SHA256, hash.GetCurrentHash());
            return _layers[name] = new Descriptor { MediaType = mediaType ?? MediaTypes.DockerLayer, Digest = digest, Size = size };
        }
    }

    // RFC 1952 §2.3.1; RFC 8878 §3.1.1.
    private static string MediaTypeOf(ReadOnlySpan<byte> start) =>
        start is [0x1f, 0x8b, ..] ? MediaTypes.DockerLayerGzip
        : start is [0x28, 0xb5, 0x2f, 0xfd, ..] ? MediaTypes.DockerLayerZstd
        : MediaTypes.DockerLayer;

    private static string Familiar(string tag)
    {
        try
        {
            return ImageReference.ParseFamiliar(tag).ToString();
        }
        catch (FormatException e)
        {
            throw new ContainerdException(ErrorKind.DataCorrupted, $"'manifest.json' gives a name that is none: {e.Message}", e);
        }
    }

    private ContainerdException Missing(string name) =>
        new(ErrorKind.NotFound, $"'manifest.json' in {source.Description} refers to '{Excerpt.Of(name)}', which is not there.") { Subject = Excerpt.Of(name) };
}
