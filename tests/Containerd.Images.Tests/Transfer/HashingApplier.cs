using System.Collections.Concurrent;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Containerd.Images.Tests;

/// <summary>Applies layers to nothing, but finds their diff IDs.</summary>
internal sealed class HashingApplier : ILayerApplier
{
    public ConcurrentQueue<Digest> Applied { get; } = new();

    public Func<Descriptor, CancellationToken, Task> Before { get; set; } = (_, _) => Task.CompletedTask;

    public async Task<LayerApplyResult> ApplyAsync(
        Descriptor layer, Stream content, IReadOnlyList<Mount> mounts, IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        await Before(layer, cancellationToken);
        Applied.Enqueue(layer.Digest);
        await using var gzip = new GZipStream(content, CompressionMode.Decompress, leaveOpen: true);
        byte[] hash = await SHA256.HashDataAsync(gzip, cancellationToken);
        progress?.Report(layer.Size);
        return new LayerApplyResult { DiffId = Digest.FromHash(HashAlgorithmName.SHA256, hash), Size = 1, Entries = 1, DependsOnBase = false };
    }
}
