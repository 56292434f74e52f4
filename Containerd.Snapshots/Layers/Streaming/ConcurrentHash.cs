using System.Security.Cryptography;

namespace Containerd.Snapshots;

/// <summary>SHA-256 of blocks, each hashed on a thread of the pool while whoever began it uses the same bytes, or beforehand where no processor is idle for that.</summary>
/// <param name="layers">What the processors are occupied with.</param>
internal sealed class ConcurrentHash(LayersInWork layers) : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private Action? _append;
    private ReadOnlyMemory<byte> _block;
    private Task _appending = Task.CompletedTask;

    /// <summary>Starts on a block, which must stay as it is until <see cref="EndAsync"/>. One at a time.</summary>
    public void Begin(ReadOnlyMemory<byte> block)
    {
        if (layers.OccupyAllProcessors)
        {
            _hash.AppendData(block.Span);
            return;
        }
        _block = block;
        _appending = Task.Run(_append ??= () => _hash.AppendData(_block.Span));
    }

    /// <summary>Waits until the block is hashed, and so no longer needed.</summary>
    public Task EndAsync() => _appending;

    /// <summary>The digest of all blocks.</summary>
    public Digest Finish() => Digest.FromHash(HashAlgorithmName.SHA256, _hash.GetHashAndReset());

    public void Dispose() => _hash.Dispose();
}
