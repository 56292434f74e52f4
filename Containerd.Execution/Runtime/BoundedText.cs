using System.Buffers;
using System.Text;
using CliWrap;

namespace Containerd.Execution;

/// <summary>Takes what a program writes, keeps the first bytes of it, and says whether there was more.</summary>
internal sealed class BoundedText(int maxBytes)
{
    private readonly ArrayBufferWriter<byte> _kept = new();

    /// <summary>Whether something was dropped.</summary>
    public bool IsTruncated { get; private set; }

    /// <summary>What was kept.</summary>
    public ReadOnlyMemory<byte> Bytes => _kept.WrittenMemory;

    /// <summary>The target for CliWrap: it reads to the end, so that the program never blocks on a full pipe.</summary>
    public PipeTarget Target => PipeTarget.Create(ReadAsync);

    public override string ToString() => Encoding.UTF8.GetString(Bytes.Span);

    public async Task ReadAsync(Stream source, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[16 * 1024];
        int read;
        while ((read = await source.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            int room = Math.Min(read, maxBytes - _kept.WrittenCount);
            _kept.Write(buffer.AsSpan(0, room));
            IsTruncated |= room < read;
        }
    }
}
