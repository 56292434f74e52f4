using System.IO.Pipelines;

namespace Containerd.Snapshots.Tests;

/// <summary>Runs a compression from memory to memory.</summary>
internal static class CompressionRun
{
    public static Task<byte[]> CompressAsync(this ILayerCompression compression, byte[] archive, int? level = null) =>
        CompressAsync(compression, new MemoryStream(archive), level);

    public static async Task<byte[]> CompressAsync(this ILayerCompression compression, Stream archive, int? level = null)
    {
        var compressed = new MemoryStream();
        await compression.CompressAsync(PipeReader.Create(archive), PipeWriter.Create(compressed), level);
        return compressed.ToArray();
    }

    public static async Task<byte[]> ExpandAsync(this ILayerCompression compression, Stream layer)
    {
        var archive = new MemoryStream();
        await compression.ExpandAsync(PipeReader.Create(layer), PipeWriter.Create(archive));
        return archive.ToArray();
    }

    /// <summary>Bytes as archives have them: text that repeats itself, noise and runs of zeros.</summary>
    public static byte[] Sample(int length, int seed = 1)
    {
        var random = new Random(seed);
        byte[] data = new byte[length];
        byte[] words = new byte[3000];
        random.NextBytes(words);
        for (int at = 0; at < length;)
        {
            int piece = Math.Min(random.Next(1, 700), length - at);
            switch (random.Next(4))
            {
                case 0:
                    random.NextBytes(data.AsSpan(at, piece));
                    break;
                case 1:
                    break;
                default:
                    words.AsSpan(random.Next(words.Length - piece), piece).CopyTo(data.AsSpan(at));
                    break;
            }
            at += piece;
        }
        return data;
    }
}
