namespace Containerd.Integration;

/// <summary>What one call of the sample command line gave.</summary>
internal sealed record CtrResult(int ExitCode, string Output, string Error)
{
    public override string ToString() => $"exit code {ExitCode}\n--- output\n{Output}\n--- error\n{Error}";
}
