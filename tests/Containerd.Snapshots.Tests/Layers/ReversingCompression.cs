using System.Buffers;
using System.IO.Pipelines;

namespace Containerd.Snapshots.Tests;

/// <summary>A compression of another's making: every byte is inverted, and the level goes in front. It can be made to fail in the ways that one can.</summary>
internal sealed class ReversingCompression : ILayerCompression
{
    public const string MediaType = "application/vnd.oci.image.layer.v1.tar+reversed";

    /// <summary>After how many bytes it ends without having read all.</summary>
    public long EndsAfter { get; init; } = long.MaxValue;

    /// <summary>What it throws at the end.</summary>
    public Exception? Failure { get; init; }

    public string Name => "reversed";

    public IReadOnlyList<string> MediaTypes => [MediaType];

    public bool Matches(ReadOnlySpan<byte> start, string mediaType) => false;

    public Task ExpandAsync(PipeReader compressed, PipeWriter expanded, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public async Task CompressAsync(PipeReader expanded, PipeWriter compressed, int? level = null, CancellationToken cancellationToken = default)
    {
        compressed.Write([(byte)(level ?? 0)]);
        for (long total = 0; total < EndsAfter;)
        {
            ReadResult read = await expanded.ReadAsync(cancellationToken);
            foreach (ReadOnlyMemory<byte> part in read.Buffer)
                compressed.Write([.. part.Span.ToArray().Select(value => (byte)~value)]);
            total += read.Buffer.Length;
            expanded.AdvanceTo(read.Buffer.End);
            if ((await compressed.FlushAsync(cancellationToken)).IsCompleted || read.IsCompleted)
                break;
        }
        if (Failure is not null)
            throw Failure;
    }
}
