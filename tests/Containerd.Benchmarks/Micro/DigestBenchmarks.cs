using BenchmarkDotNet.Attributes;

namespace Containerd.Benchmarks;

[MemoryDiagnoser]
public class DigestBenchmarks
{
    private readonly string _text = "sha256:" + new string('a', 64);

    [Benchmark]
    public Digest Parse() => Digest.Parse(_text);
}
