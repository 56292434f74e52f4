namespace Containerd.Snapshots.Tests;

/// <summary>Delivers bytes in pieces of awkward sizes, up to one that can be chosen.</summary>
internal sealed class TrickleStream(byte[] data, int most = 1500) : MemoryStream(data)
{
    private int _step;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(Read(buffer.Span[..Math.Min(buffer.Length, 1 + (++_step * 37 % most))]));
}
