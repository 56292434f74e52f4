using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;

namespace Containerd.Architecture;

/// <summary>Every example in a document, a block fenced as <c>csharp</c>, compiles against the packages as they are.</summary>
/// <remarks>
/// An example is what a reader would paste into a method of a program with implicit usings and those of the packages: its own usings
/// first, then statements that may await, then types. It has a cancellation token, <c>ct</c> or <c>cancellationToken</c>, and nothing else
/// that it does not declare.
/// </remarks>
public partial class ExampleTests
{
    // What a new project has with implicit usings, and what every reader of these documents has added.
    private const string ImplicitUsings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        global using Containerd;
        global using Containerd.Execution;
        global using Containerd.Images;
        global using Containerd.Network;
        global using Containerd.Snapshots;
        global using Microsoft.Extensions.DependencyInjection;
        """;

    [Test]
    public async Task Examples_compile()
    {
        using var directory = new ScratchDirectory();
        await File.WriteAllTextAsync(Path.Join(directory.Path, "Usings.cs"), ImplicitUsings);
        int count = 0;
        foreach (string document in (await Repository.FilesAsync()).Where(path => path.EndsWith(".md", StringComparison.Ordinal)))
        {
            foreach ((int line, string example) in Examples(await File.ReadAllTextAsync(Path.Join(Repository.Root, document))))
                await File.WriteAllTextAsync(Path.Join(directory.Path, $"Example{++count}.cs"), Wrap(example, count, document, line));
        }

        CommandResult compile = await CompileAsync(directory.Path);

        Assert.That(compile.ExitCode, Is.Zero, compile.Output);
        TestContext.Out.WriteLine($"{count} examples compiled.");
    }

    [Test]
    public async Task A_wrong_example_is_found_where_it_stands()
    {
        using var directory = new ScratchDirectory();
        await File.WriteAllTextAsync(Path.Join(directory.Path, "Usings.cs"), ImplicitUsings);
        (int line, string example) = Examples("One\n\n```csharp\nvar good = 1;\nNoSuchThing.Call(good);\n```\n").Single();
        await File.WriteAllTextAsync(Path.Join(directory.Path, "Example.cs"), Wrap(example, 1, "SOME.md", line));

        CommandResult compile = await CompileAsync(directory.Path);

        Assert.That(compile.ExitCode, Is.Not.Zero);
        Assert.That(compile.Output, Does.Contain("SOME.md(5,1): error CS0103"));
    }

    // The compiler alone, with what these tests run on as references: seconds, where a project would take a restore.
    private static Task<CommandResult> CompileAsync(string directory)
    {
        string compiler = Assembly.GetExecutingAssembly().GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(attribute => attribute.Key == "CompilerPath").Value!;
        string[] references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        string arguments = Path.Join(directory, "arguments.rsp");
        File.WriteAllLines(arguments, references.Select(path => $"-reference:\"{path}\""));
        return Command.RunAsync(Command.DotNet,
        [
            "exec", compiler, "-nologo", "-target:library", "-langversion:14", "-nullable:enable", "-nostdlib",
            $"-out:{Path.Join(directory, "Examples.dll")}", $"@{arguments}", Path.Join(directory, "*.cs"),
        ]);
    }

    private static IEnumerable<(int Line, string Text)> Examples(string document) =>
        from Match match in Fence().Matches(document)
        let body = match.Groups["body"]
        select (document.AsSpan(0, body.Index).Count('\n') + 1, body.Value);

    private static string Wrap(string example, int number, string document, int line)
    {
        var usings = new StringBuilder();
        var statements = new StringBuilder();
        var types = new StringBuilder();
        StringBuilder current = statements;
        foreach (string text in example.Split('\n'))
        {
            // Only a type begins like this without indentation; from there on there are types alone.
            if (TypeDeclaration().IsMatch(text))
                current = types;
            StringBuilder target = current == statements && Using().IsMatch(text) ? usings : current;
            target.Append("#line ").Append(line).Append(" \"").Append(document).AppendLine("\"").AppendLine(text);
            line++;
        }
        return $$"""
            namespace Example{{number}}
            {
            {{usings}}
            static class Example
            {
            static async Task RunAsync(CancellationToken cancellationToken, CancellationToken ct)
            {
            {{statements}}
            #line hidden
            await Task.CompletedTask;
            }
            }
            {{types}}
            #line hidden
            }
            """;
    }

    [GeneratedRegex(@"^```csharp[^\n]*\n(?<body>.*?)\n```\s*$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"^using\s+(static\s+)?[\w.]+(\s*=\s*[\w.<>]+)?;\s*$")]
    private static partial Regex Using();

    [GeneratedRegex(@"^(\[|(public|internal|file|sealed|abstract|static|partial|readonly)\s+.*)?\b(class|struct|record|interface|enum)\s+\w+|^\[\w+.*\]\s*$")]
    private static partial Regex TypeDeclaration();
}
