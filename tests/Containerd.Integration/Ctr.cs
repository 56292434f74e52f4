using System.Diagnostics;

namespace Containerd.Integration;

/// <summary>Runs the sample command line as a process of its own, over roots of its own.</summary>
internal sealed class Ctr : IDisposable
{
    private static readonly string Program = System.IO.Path.Join(AppContext.BaseDirectory, "ctr-net.dll");

    public Ctr() => Directory.CreateDirectory(Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

    /// <summary>Where everything of this command line lies.</summary>
    public string Path { get; } = System.IO.Path.Join(System.IO.Path.GetTempPath(), $"ctr-net-test-{Guid.NewGuid():n}");

    public string Root => System.IO.Path.Join(Path, "root");

    public string State => System.IO.Path.Join(Path, "state");

    public Task<CtrResult> RunAsync(params string[] arguments) => RunAsync(environment: null, arguments);

    public async Task<CtrResult> RunAsync(IReadOnlyDictionary<string, string>? environment, params string[] arguments)
    {
        using Process process = Start(environment, arguments);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token);
        Task<string> error = process.StandardError.ReadToEndAsync(limit.Token);
        process.StandardInput.Close();
        await process.WaitForExitAsync(limit.Token);
        return new CtrResult(process.ExitCode, await output, await error);
    }

    public Process Start(IReadOnlyDictionary<string, string>? environment, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Program, "--root", Root, "--state", State, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
